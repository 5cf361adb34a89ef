/** The word before orders go out: a person's second one in chat, a person's approval for an agent. */

import { randomInt } from "node:crypto";

const LIFE_MS = 120_000;
const WAITING_MAX = 100;
const APPROVAL_LIFE_MS = 600_000;

/** What a person allowed an agent to send: one sending each, within ten minutes. */
export class Approvals {
  #allowed = new Map();

  /** @param {() => number} now milliseconds */
  constructor(now = Date.now) {
    this.now = now;
  }

  allow(decisionId) {
    this.#allowed.set(decisionId, this.now() + APPROVAL_LIFE_MS);
  }

  /** Whether this decision may be sent now; the next sending needs another word. */
  use(decisionId) {
    const until = this.#allowed.get(decisionId);
    this.#allowed.delete(decisionId);
    return until !== undefined && this.now() <= until;
  }
}

/** Chat's second word: a code for one person, one decision, two minutes, one use. */
export class Confirmations {
  #waiting = new Map();

  /** @param {() => number} now milliseconds */
  constructor(now = Date.now) {
    this.now = now;
  }

  /** Give a code for this person's decision; an earlier one of theirs is forgotten. */
  ask(who, decisionId) {
    const code = String(randomInt(100_000, 1_000_000));
    this.#waiting.delete(who);
    this.#waiting.set(who, { code, decisionId, until: this.now() + LIFE_MS });
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value);
    return code;
  }

  /** Give the decision that this code confirms, else null; a wrong code is the only try. */
  take(who, code) {
    const asked = this.#waiting.get(who);
    this.#waiting.delete(who);
    return asked && asked.code === code && this.now() <= asked.until ? asked.decisionId : null;
  }
}
