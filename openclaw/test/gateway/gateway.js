/** A real gateway with only our plugin, in a folder of its own, offline. */

import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PLUGIN_DIR = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PROJECT_DIR = dirname(PLUGIN_DIR);
const MS_MAX = 120_000;
const TOKEN = "the-gateways-own-token-of-the-test";
const run = promisify(execFile);

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export async function until(what, look, msMax = MS_MAX) {
  const limit = Date.now() + msMax;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > limit) throw new Error(`still not: ${what}`);
    await sleep(100);
  }
}

/** Whether a process lives. */
export function alive(pid) {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)[0] !== "Z";
  } catch {
    return false;
  }
}

/** The processes of a group that still live; the engine leads one, with its training children. */
export function groupOf(pid) {
  const groups = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => {
    try {
      const [state, , group] = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1).split(" ");
      return { pid: Number(name), state, group: Number(group) };
    } catch {
      return null; // it ended while we looked
    }
  });
  return groups.filter((found) => found?.group === pid && found.state !== "Z").map((found) => found.pid);
}

export class Gateway {
  /** @param {{ openclawDir: string, modelUrl: string }} parts where node_modules/openclaw is, and the fake model */
  static async create({ openclawDir, modelUrl }) {
    const gateway = new Gateway();
    gateway.folder = mkdtempSync(join(tmpdir(), "trading-engine-openclaw-"));
    gateway.entry = join(openclawDir, "node_modules", "openclaw", "openclaw.mjs");
    gateway.port = await freePort();
    gateway.enginePort = await freePort();
    gateway.stateDir = join(gateway.folder, "state");
    mkdirSync(gateway.stateDir, { mode: 0o700 });
    gateway.configPath = join(gateway.folder, "openclaw.json");
    writeFileSync(gateway.configPath, JSON.stringify(gateway.#config(modelUrl)), { mode: 0o600 });
    chmodSync(gateway.folder, 0o700);
    return gateway;
  }

  #config(modelUrl) {
    const entry = { enabled: true, config: { port: this.enginePort, stateDir: join(this.folder, "engine"), projectDir: PROJECT_DIR } };
    const model = {
      id: "scripted", name: "Scripted", reasoning: false, input: ["text"],
      cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 120_000, maxTokens: 4096,
    };
    return {
      gateway: { mode: "local", bind: "loopback", port: this.port, auth: { mode: "token", token: TOKEN }, controlUi: { enabled: false } },
      update: { checkOnStart: false },
      discovery: { mdns: { mode: "off" } },
      logging: { file: join(this.folder, "openclaw.log") },
      models: {
        catalogRefresh: { enabled: false },
        providers: { fake: { baseUrl: `${modelUrl}/v1`, apiKey: "none", api: "openai-completions", models: [model] } },
      },
      agents: { defaults: { model: { primary: "fake/scripted" }, workspace: join(this.folder, "workspace") } },
      tools: { alsoAllow: ["trade_execute"] },
      plugins: { allow: ["trading-engine"], load: { paths: [PLUGIN_DIR] }, slots: { memory: "none" }, entries: { "trading-engine": entry } },
    };
  }

  get env() {
    const { PATH, LANG } = process.env;
    return {
      PATH: `${dirname(process.execPath)}:${PATH}`, LANG, HOME: this.folder, OMP_NUM_THREADS: "1", DATA_PROVIDER: "simulated",
      OPENCLAW_STATE_DIR: this.stateDir, OPENCLAW_CONFIG_PATH: this.configPath, OPENCLAW_GATEWAY_TOKEN: TOKEN,
      OPENCLAW_SKIP_CHANNELS: "1", OPENCLAW_DISABLE_BONJOUR: "1", OPENCLAW_NO_RESPAWN: "1",
      OPENCLAW_EXEC_SHELL_SNAPSHOT: "0", OPENCLAW_NO_AUTO_UPDATE: "1", CI: "1", NO_COLOR: "1",
    };
  }

  async start() {
    const log = openSync(join(this.folder, "gateway.log"), "a");
    this.child = spawn(process.execPath, [this.entry, "gateway", "run"], { cwd: this.folder, env: this.env, stdio: ["ignore", log, log] });
    this.exited = new Promise((done) => this.child.once("exit", (code, signal) => done({ code, signal })));
    await until("the gateway is ready", async () => {
      if (this.child.exitCode !== null) throw new Error(`the gateway ended with ${this.child.exitCode}:\n${this.log}`);
      return (await fetch(`http://127.0.0.1:${this.port}/readyz`).catch(() => null))?.ok;
    });
  }

  get log() {
    return readFileSync(join(this.folder, "gateway.log"), "utf8");
  }

  get engineToken() {
    return readFileSync(join(this.stateDir, "trading-engine", "token"), "utf8").trim();
  }

  /** Ask the engine itself. */
  async engine(path, method = "GET") {
    const answer = await fetch(`http://127.0.0.1:${this.enginePort}${path}`, { method, headers: { authorization: `Bearer ${this.engineToken}` } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Wait until the engine is ready and has trained its first ranker. */
  async engineIdle() {
    await until("the engine is ready", () => this.engine("/ready").catch(() => null));
    await until("the engine is idle", async () => (await this.engine("/jobs")).jobs.every((job) => job.status !== "running"));
  }

  /** Start the engine as a person would, with the plugin's token. */
  startEngineByHand() {
    const log = openSync(join(this.folder, "by-hand.log"), "a");
    const env = { ...this.env, STATE_DIR: join(this.folder, "engine"), TRADING_PORT: String(this.enginePort), TRADING_API_TOKEN: this.engineToken };
    this.byHand = spawn(join(PROJECT_DIR, ".venv", "bin", "python"), ["server.py"], { cwd: PROJECT_DIR, env, stdio: ["ignore", log, log] });
    return this.byHand.pid;
  }

  /** Run `openclaw ARGS...`. */
  async cli(...args) {
    const { stdout } = await run(process.execPath, [this.entry, ...args], { cwd: this.folder, env: this.env, timeout: MS_MAX });
    return stdout;
  }

  /** Invoke a tool over HTTP. */
  async tool(tool, args = {}) {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const answer = await fetch(`http://127.0.0.1:${this.port}/tools/invoke`, { method: "POST", headers, body: JSON.stringify({ tool, args }) });
    return { status: answer.status, body: await answer.json() };
  }

  connect(options) {
    return Client.open(this.port, options);
  }

  async end() {
    this.byHand?.kill("SIGKILL");
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill("SIGKILL");
      await this.exited;
    }
    await sleep(500);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}

/** An operator's WebSocket client. */
export class Client {
  events = [];
  #asked = new Map();

  static async open(port, { scopes = ["operator.read", "operator.write", "operator.admin"], caps = [] } = {}) {
    const client = new Client();
    client.socket = new WebSocket(`ws://127.0.0.1:${port}`);
    client.socket.addEventListener("message", ({ data }) => client.#hear(JSON.parse(data)));
    await new Promise((done, fail) => {
      client.socket.addEventListener("open", done);
      client.socket.addEventListener("error", fail);
    });
    await client.call("connect", {
      minProtocol: 3, maxProtocol: 99, role: "operator", scopes, caps, auth: { token: TOKEN },
      client: { id: "gateway-client", mode: "backend", version: "0.1.0", platform: process.platform },
    });
    return client;
  }

  call(method, params = {}) {
    const id = randomUUID();
    const answered = new Promise((done, fail) => this.#asked.set(id, { done, fail }));
    this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    return answered;
  }

  /** Wait for an event that satisfies `is`, also among those heard. */
  event(name, is = () => true, msMax = MS_MAX) {
    return until(`event ${name}`, () => this.events.find((e) => e.event === name && is(e.payload))?.payload, msMax);
  }

  /** Say something in the chat; give the final answer's text. */
  async chat(message, sessionKey = "main") {
    const { runId } = await this.call("chat.send", { sessionKey, message, idempotencyKey: randomUUID() });
    const final = await this.event("chat", (payload) => payload.runId === runId && ["final", "error"].includes(payload.state));
    return textOf(final.message);
  }

  #hear(frame) {
    if (frame.type === "event") this.events.push(frame);
    const asked = frame.type === "res" && this.#asked.get(frame.id);
    if (!asked) return;
    this.#asked.delete(frame.id);
    if (frame.ok) asked.done(frame.payload);
    else asked.fail(Object.assign(new Error(frame.error?.message ?? "refused"), { error: frame.error }));
  }

  close() {
    this.socket.close();
  }
}

function textOf(message) {
  const content = message?.content ?? message?.text ?? "";
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("");
}
