/** The engine over HTTP: asked who it is before the token is sent, and its problems told with their hints. */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const IDENTIFY_TIMEOUT_MS = 2_000;
const ANSWER_TIMEOUT_MS = 120_000;
const ANSWER_CHARACTERS_MAX = 8 * 1024 * 1024;
const AWAY = "The trading engine does not answer";

/** What the engine, or the way to it, refuses: what happened, and what to do next. */
export class EngineProblem extends Error {
  constructor(message, { hint = "", status = 0 } = {}) {
    super(message);
    this.hint = hint;
    this.status = status;
  }

  get text() {
    return this.hint ? `${this.message} ${this.hint}` : this.message;
  }
}

export class EngineClient {
  /**
   * @param {{ baseUrl: string, token: () => string | null, fetch?: typeof fetch }} parts
   *   `token` is read anew for each call, so that tools and commands hold nothing
   */
  constructor({ baseUrl, token, fetch = globalThis.fetch }) {
    this.baseUrl = baseUrl;
    this.readToken = token;
    this.fetch = fetch;
  }

  /**
   * Ask who listens there, without showing the token.
   *
   * `ours` proved that it knows the token; `open` is an engine without one; `other-token`, `stranger` and `silent`
   * must not be talked to; `absent` means that nobody listens.
   */
  async identify() {
    const token = this.readToken();
    const challenge = randomBytes(16).toString("hex");
    let answer;
    try {
      const signal = AbortSignal.timeout(IDENTIFY_TIMEOUT_MS);
      answer = await this.fetch(`${this.baseUrl}/health?challenge=${challenge}`, { redirect: "error", signal });
      answer = { ok: answer.ok, health: await answer.json() };
    } catch (error) {
      return { state: stateOfFailure(error), health: null, token: null };
    }
    const state = answer.ok ? this.#stateOf(answer.health, token, challenge) : "stranger";
    return { state, health: answer.health, token: state === "ours" ? token : null };
  }

  get(path, options) {
    return this.#ask("GET", path, undefined, options);
  }

  post(path, body = {}, options) {
    return this.#ask("POST", path, body, options);
  }

  /** Give the headers that open the engine's doors, once it has proved itself. */
  async credentials() {
    const { state, token } = await this.identify();
    const refusal = refusalOf(state, this.baseUrl);
    if (refusal) throw refusal;
    return token === null ? {} : { authorization: `Bearer ${token}` };
  }

  async #ask(method, path, body, { timeoutMs = ANSWER_TIMEOUT_MS, signal } = {}) {
    const headers = { ...(await this.credentials()), accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    const limit = AbortSignal.timeout(timeoutMs);
    const asked = {
      method,
      headers,
      redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    };
    let answer, text;
    try {
      answer = await this.fetch(this.baseUrl + path, asked);
      text = await answer.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw failed(error, method, path, timeoutMs);
    }
    return read(answer, text, `${method} ${path}`);
  }

  #stateOf(health, token, challenge) {
    if (health?.status !== "ok" || typeof health.models_loaded !== "boolean") return "stranger";
    if (health.identity == null) return "open";
    return token !== null && this.#proves(health.identity, token, challenge) ? "ours" : "other-token";
  }

  #proves(identity, token, challenge) {
    const message = `trading-engine:${new URL(this.baseUrl).port}:${challenge}`;
    const expected = Buffer.from(createHmac("sha256", token).update(message).digest("hex"));
    const given = Buffer.from(String(identity));
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

/** Tell why this listener is not to be talked to; null when it is. */
export function refusalOf(state, baseUrl) {
  if (state === "ours" || state === "open") return null;
  const said = {
    absent: [`${AWAY} at ${baseUrl}.`, "Start it: 'openclaw gateway run', or 'python server.py'."],
    silent: [`${AWAY} at ${baseUrl} within ${IDENTIFY_TIMEOUT_MS} ms.`, "Look at its log; it is restarted if it stays so."],
    stranger: [`Something else than the trading engine listens at ${baseUrl}.`, "Stop it, or set the plugin's port."],
    "other-token": [
      `A trading engine with another token listens at ${baseUrl}.`,
      "Stop it, or write its TRADING_API_TOKEN into the plugin's token file.",
    ],
  }[state];
  return new EngineProblem(said[0], { hint: said[1] });
}

function stateOfFailure(error) {
  if (error?.name === "TimeoutError" || error?.name === "AbortError") return "silent";
  const code = error?.cause?.code;
  return code === "ECONNREFUSED" || code === "ECONNRESET" || code === "UND_ERR_SOCKET" ? "absent" : "stranger";
}

function failed(error, method, path, timeoutMs) {
  const late = error?.name === "TimeoutError";
  const what = late ? `did not answer ${method} ${path} within ${timeoutMs} ms` : `broke off ${method} ${path}`;
  return new EngineProblem(`The trading engine ${what}.`, { hint: "/trade-status says how it is." });
}

function read(answer, text, what) {
  if (text.length > ANSWER_CHARACTERS_MAX) {
    throw new EngineProblem(`The answer to ${what} is longer than ${ANSWER_CHARACTERS_MAX} characters.`);
  }
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new EngineProblem(`The answer to ${what} is not JSON (status ${answer.status}).`, { status: answer.status });
  }
  if (!answer.ok) {
    const message = body.detail ?? `${what} was refused with status ${answer.status}.`;
    throw new EngineProblem(message, { hint: body.hint ?? "", status: answer.status });
  }
  return body;
}
