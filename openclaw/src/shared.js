/** What all registrations of the plugin in one gateway share: it may register again to find tools or commands. */

import { Approvals, Confirmations } from "./confirmations.js";

const KEY = Symbol.for("trading-engine.openclaw/0.1.0"); // another version has its own: the shapes may differ

/**
 * @returns {{ confirmations: Confirmations, approvals: Approvals, cron: object | null,
 *             engine: { up: boolean, managed: boolean, pid: number | null, failure: string } }}
 */
export function shared() {
  globalThis[KEY] ??= { confirmations: new Confirmations(), approvals: new Approvals(), cron: null, engine: down() };
  return globalThis[KEY];
}

export function down(failure = "") {
  return { up: false, managed: false, pid: null, failure };
}
