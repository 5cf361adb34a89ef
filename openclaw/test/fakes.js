/** What the units run against: a gateway's api, an engine over HTTP, a child process, a socket. */

import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TOKEN = "the-engines-token";

const made = [];
process.on("exit", () => made.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A new folder that lives as long as the tests. */
export function folder() {
  made.push(mkdtempSync(join(tmpdir(), "openclaw-units-")));
  return made.at(-1);
}

export function quietLog() {
  const lines = [];
  const say = (text) => lines.push(text);
  return { lines, info: say, warn: say, error: say, debug: say };
}

/** A gateway that keeps what was registered. */
export function fakeApi({ stateDir = folder(), pluginConfig = {} } = {}) {
  const registered = { tools: {}, commands: {}, methods: {}, services: {}, hooks: {}, cli: null };
  return {
    registered,
    id: "trading-engine",
    pluginConfig,
    logger: quietLog(),
    runtime: { state: { resolveStateDir: () => stateDir } },
    registerTool: (tool, options) => (registered.tools[tool.name] = { ...tool, options }),
    registerCommand: (command) => (registered.commands[command.name] = command),
    registerGatewayMethod: (name, handler, options) => (registered.methods[name] = { handler, ...options }),
    registerService: (service) => (registered.services[service.id] = service),
    registerCli: (registrar, options) => (registered.cli = { registrar, options }),
    on: (name, hook) => (registered.hooks[name] = hook),
  };
}

/**
 * An engine on a free port: proves itself like the real one and answers from `answers`, keyed "METHOD /path".
 *
 * `requests` are those that came with their headers; `identity` may be set to a stranger's.
 */
export class FakeEngine {
  requests = [];
  answers = {};
  token = TOKEN;
  health = { status: "ok", models_loaded: true, server_uptime: 1, trading_state: "active" };

  static async listen(answers = {}) {
    const engine = new FakeEngine();
    engine.answers = answers;
    engine.server = createServer((request, answer) => engine.#answer(request, answer)).listen(0, "127.0.0.1");
    await new Promise((done) => engine.server.once("listening", done));
    engine.server.unref(); // a failed test must end
    engine.port = engine.server.address().port;
    engine.baseUrl = `http://127.0.0.1:${engine.port}`;
    return engine;
  }

  /** The requests besides those for /health, as "METHOD /path". */
  get asked() {
    return this.requests.filter((r) => !r.path.startsWith("/health")).map((r) => `${r.method} ${r.path}`);
  }

  body(asked) {
    return this.requests.findLast((r) => `${r.method} ${r.path}` === asked)?.body;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(done));
  }

  async #answer(request, answer) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const text = Buffer.concat(parts).toString();
    const { method, url: path, headers } = request;
    this.requests.push({ method, path, headers, body: text ? JSON.parse(text) : null });
    const url = new URL(path, this.baseUrl);
    if (url.pathname === "/health") return json(answer, 200, { ...this.health, identity: this.#identity(url) });
    if (this.token !== null && headers.authorization !== `Bearer ${this.token}`) {
      return json(answer, 401, { detail: "The bearer token is missing or wrong.", hint: "Send it." });
    }
    const known = this.answers[`${method} ${path}`];
    const body = typeof known === "function" ? known(this) : known;
    if (body === undefined) return json(answer, 404, { detail: `There is no ${path}.`, hint: "See /docs." });
    return body.problem ? json(answer, body.problem, body) : json(answer, 200, body);
  }

  #identity(url) {
    if (this.token === null) return null;
    return createHmac("sha256", this.token).update(`trading-engine:${this.port}:${url.searchParams.get("challenge")}`).digest("hex");
  }
}

/** A child process that the test ends. */
export class FakeChild {
  signals = [];
  pid = 4242;

  constructor({ leavesOnTerm = true } = {}) {
    this.exited = new Promise((done) => (this.exit = (code, signal = null) => done({ code, signal })));
    this.leavesOnTerm = leavesOnTerm;
  }

  terminate() {
    this.signals.push("SIGTERM");
    if (this.leavesOnTerm) this.exit(0);
  }

  kill() {
    this.signals.push("SIGKILL");
    this.exit(null, "SIGKILL");
  }

  lastWords() {
    return "its last line";
  }
}

/** The client's side of a WebSocket, with the test as the server. */
export class FakeSocket extends EventTarget {
  sent = [];
  readyState = 1;

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  hear(message) {
    const event = new Event("message");
    event.data = typeof message === "string" ? message : JSON.stringify(message);
    this.dispatchEvent(event);
  }

  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}

export function tokenFile(token = TOKEN) {
  const path = join(folder(), "token");
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  return path;
}

export async function until(look, msMax = 5_000) {
  const limit = Date.now() + msMax;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > limit) throw new Error(`still not: ${look}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

function json(answer, status, body) {
  answer.writeHead(status, { "content-type": "application/json" });
  answer.end(JSON.stringify(body));
}
