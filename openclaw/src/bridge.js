/** The engine's event stream to the gateway's clients: reconnected, coalesced, bounded. */

import { setTimeout as sleep } from "node:timers/promises";
import { eventName, sanitise } from "./sanitise.js";

const NEWEST_ONLY = new Set(["regime.update", "portfolio.update", "job.progress", "sector.hot"]);
const FLUSH_MS = 250;
const FLUSH_EVENTS_MAX = 32;
const WAITING_EVENTS_MAX = 256;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 15_000;
const SILENCE_MS_MAX = 60_000;
const PING_MS = 20_000;

/** Holds events until the next flush: the newest only where that is what counts, the oldest lost when full. */
export class Waiting {
  #events = new Map();
  lost = 0;

  add(event) {
    const key = NEWEST_ONLY.has(event.type) ? newestKey(event) : `#${event.seq}`;
    this.#events.delete(key); // so that it takes its place anew, in the order of events
    this.#events.set(key, event);
    if (this.#events.size > WAITING_EVENTS_MAX) {
      this.#events.delete(this.#events.keys().next().value);
      this.lost += 1;
    }
  }

  /** Take the oldest, at most `countMax` of them. */
  take(countMax) {
    const taken = [...this.#events.entries()].slice(0, countMax);
    for (const [key] of taken) this.#events.delete(key);
    return taken.map(([, event]) => event);
  }
}

export class Bridge {
  #stopping = new AbortController();
  #waiting = new Waiting();
  #last = null;
  #socket = null;
  #flushing = null;
  #running = null;

  /**
   * @param {{ client: import("./client.js").EngineClient, emit(name: string, payload: object): void, log: object,
   *           connect?: (url: string, headers: object) => WebSocket, flushMs?: number, backoffMsMin?: number }} parts
   */
  constructor({ client, emit, log, connect = connectTo, flushMs = FLUSH_MS, backoffMsMin = BACKOFF_MS_MIN }) {
    Object.assign(this, { client, emit, log, connect, flushMs, backoffMsMin });
  }

  start() {
    this.#flushing = setInterval(() => this.#flush(), this.flushMs);
    this.#flushing.unref?.();
    this.#running = this.#keepConnected();
  }

  async stop() {
    this.#stopping.abort();
    clearInterval(this.#flushing);
    this.#socket?.close();
    await this.#running;
  }

  async #keepConnected() {
    let waitMs = this.backoffMsMin;
    while (!this.#stopping.signal.aborted) {
      try {
        const headers = await this.client.credentials();
        if (this.#stopping.signal.aborted) return;
        const url = `${this.client.baseUrl.replace(/^http/, "ws")}/ws/stream`;
        const heard = await this.#listen(this.connect(url, headers));
        if (heard) waitMs = this.backoffMsMin;
      } catch (error) {
        this.log.debug?.(`trading-engine: the stream is away: ${error.message}`);
      }
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      waitMs = Math.min(2 * waitMs, BACKOFF_MS_MAX);
    }
  }

  /** Serve one connection until it ends; tells whether anything was heard. */
  #listen(socket) {
    this.#socket = socket;
    return new Promise((done) => {
      let heardAt = Date.now();
      let heard = false;
      const pinging = setInterval(() => {
        if (Date.now() - heardAt > SILENCE_MS_MAX) socket.close();
        else if (socket.readyState === 1) socket.send('{"action":"ping"}');
      }, PING_MS);
      pinging.unref?.();
      socket.addEventListener("open", () => socket.send(JSON.stringify(this.#subscription())));
      socket.addEventListener("message", ({ data }) => {
        heardAt = Date.now();
        heard = true;
        this.#hear(data);
      });
      const ended = () => {
        clearInterval(pinging);
        done(heard);
      };
      socket.addEventListener("close", ended);
      socket.addEventListener("error", ended);
    });
  }

  #subscription() {
    const asked = { action: "subscribe", topics: ["*"] };
    return this.#last === null ? asked : { ...asked, since: this.#last };
  }

  #hear(data) {
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return; // not the engine's: it sends JSON only
    }
    if (message.type === "dropped") this.#waiting.lost += Number(message.count) || 0;
    else if (message.type === "subscribed") this.#last ??= message.seq;
    if (typeof message.type !== "string" || !("data" in message)) return;
    this.#last = message.seq;
    this.#waiting.add(message);
  }

  #flush() {
    for (const { type, seq, at, data } of this.#waiting.take(FLUSH_EVENTS_MAX)) {
      this.#send(eventName(type), { seq, at, data: sanitise(data) });
    }
    if (this.#waiting.lost > 0) {
      this.#send("dropped", { count: this.#waiting.lost });
      this.#waiting.lost = 0;
    }
  }

  #send(name, payload) {
    try {
      this.emit(name, payload);
    } catch (error) {
      this.log.warn(`trading-engine: the gateway refused the event ${name}: ${error.message}`);
    }
  }
}

function newestKey({ type, data }) {
  return `${type} ${data?.job_id ?? data?.sector ?? ""}`;
}

/** Node's own WebSocket takes headers, so the token stays out of the address. */
function connectTo(url, headers) {
  return new WebSocket(url, { headers });
}
