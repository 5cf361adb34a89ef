/** Keeps one engine up: attaches to one that runs, else starts it, starts it again when it dies, and stops it. */

import { setTimeout as sleep } from "node:timers/promises";
import { refusalOf } from "./client.js";

export const TIMING = Object.freeze({
  pollMs: 2_000,
  readyPollMs: 100,
  backoffMsMin: 500,
  backoffMsMax: 30_000,
  steadyMs: 10_000, // an engine that was up this long starts again at the shortest wait
  graceMs: 4_000, // the gateway gives a service 5 s to stop
  missesAttached: 3,
  missesManaged: 30, // a minute without an answer: it hangs, and is killed
});

/**
 * @typedef {{ pid: number | undefined, exited: Promise<{ code: number | null, signal: string | null }>,
 *             terminate: () => void, kill: () => void, lastWords: () => string }} Child
 */
export class Supervisor {
  #stopping = new AbortController();
  #child = null;
  #running = null;
  #stopped = null;

  /**
   * @param {{ settings: object, client: import("./client.js").EngineClient, startEngine: () => Child,
   *           log: object, report: { failure(text: string): void, clear(): void },
   *           onUp(facts: object): void, onDown(): void, timing?: Partial<typeof TIMING> }} parts
   */
  constructor({ settings, client, startEngine, log, report, onUp, onDown, timing = {} }) {
    Object.assign(this, { settings, client, startEngine, log, report, onUp, onDown });
    this.timing = { ...TIMING, ...timing, readyTimeoutMs: settings.readyTimeoutMs };
  }

  /** Begin; returns at once, because the gateway waits for it. */
  start() {
    this.#running ??= this.#keepUp().catch((error) => {
      this.report.failure(`The supervisor broke: ${error.message}`);
      this.log.error(`trading-engine: the supervisor broke: ${error.stack}`);
    });
  }

  /** Stop an engine that we started, leave one that we only attached to; the same promise however often asked. */
  stop() {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #keepUp() {
    let waitMs = this.timing.backoffMsMin;
    while (!this.#stopping.signal.aborted) {
      const began = Date.now();
      const wasUp = await this.#once();
      if (wasUp && Date.now() - began >= this.timing.steadyMs) waitMs = this.timing.backoffMsMin;
      await this.#wait(waitMs);
      waitMs = Math.min(2 * waitMs, this.timing.backoffMsMax);
    }
  }

  /** Serve one life of an engine; tells whether there was one. */
  async #once() {
    const found = await this.client.identify();
    if (this.#stopping.signal.aborted) return false;
    const refusal = refusalOf(found.state, this.settings.baseUrl);
    if (!refusal) return this.#attached(found);
    if (this.settings.manage && found.state === "absent") return this.#managed();
    this.#fail(refusal.text);
    return false;
  }

  async #attached(found) {
    if (found.state === "open") {
      this.log.warn("trading-engine: the engine that runs asks for no token; set TRADING_API_TOKEN to require one");
    }
    this.#up({ managed: false, pid: null });
    await this.#watch(this.timing.missesAttached, this.#stopping.signal);
    this.#down("the engine that was attached to no longer answers");
    return true;
  }

  async #managed() {
    let child;
    try {
      child = this.#child = this.startEngine();
    } catch (error) {
      this.#fail(`The engine cannot be started: ${error.message}`);
      return false;
    }
    const ended = new AbortController();
    child.exited.then(() => ended.abort());
    const signal = AbortSignal.any([ended.signal, this.#stopping.signal]);
    const ready = await this.#ready(signal);
    if (ready) {
      this.#up({ managed: true, pid: child.pid });
      await this.#watch(this.timing.missesManaged, signal);
    }
    const hangs = !signal.aborted;
    if (hangs) child.kill();
    if (this.#stopping.signal.aborted) return ready; // `stop` ends the child
    const { code, signal: by } = await child.exited;
    this.#child = null;
    const how = hangs ? "it did not answer and was killed" : `it ended with ${by ?? `exit code ${code}`}`;
    this.#down(`The engine is down: ${how}. Its last words: ${child.lastWords() || "none"}`);
    return ready;
  }

  /** Wait until the child proves itself. */
  async #ready(signal) {
    const limit = Date.now() + this.timing.readyTimeoutMs;
    while (!signal.aborted && Date.now() < limit) {
      if ((await this.client.identify()).state === "ours") return !signal.aborted;
      await sleep(this.timing.readyPollMs, undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** Return when the engine missed too many questions in a row, or the signal came. */
  async #watch(missesMax, signal) {
    for (let misses = 0; misses < missesMax && !signal.aborted; ) {
      await sleep(this.timing.pollMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      misses = refusalOf((await this.client.identify()).state, this.settings.baseUrl) ? misses + 1 : 0;
    }
  }

  async #end() {
    this.#stopping.abort();
    const child = this.#child;
    if (child) {
      child.terminate();
      const limit = new AbortController();
      const late = sleep(this.timing.graceMs, "late", { signal: limit.signal }).catch(() => "ended");
      if ((await Promise.race([child.exited, late])) === "late") {
        this.log.warn(`trading-engine: the engine did not stop within ${this.timing.graceMs} ms and is killed`);
        child.kill();
        await child.exited;
      }
      limit.abort();
    }
    await this.#running;
  }

  #up(facts) {
    this.report.clear();
    const how = facts.managed ? `started, pid ${facts.pid}` : "attached to the one that runs";
    this.log.info(`trading-engine: up at ${this.settings.baseUrl} (${how})`);
    this.onUp(facts);
  }

  #down(why) {
    this.onDown();
    if (!this.#stopping.signal.aborted) this.#fail(why);
  }

  #fail(why) {
    this.report.failure(why);
    this.log.warn(`trading-engine: ${why}`);
  }

  async #wait(ms) {
    if (this.#stopping.signal.aborted) return;
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
