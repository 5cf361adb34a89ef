import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { childEnvironment } from "../src/child_environment.js";
import { startProcess } from "../src/process.js";
import { readSettings, startFault } from "../src/settings.js";
import { folder, until } from "./fakes.js";

const posix = { skip: process.platform === "win32" && "process groups are POSIX" };

function start(script) {
  const logFile = join(folder(), "engine", "engine.log");
  return { logFile, child: startProcess({ command: process.execPath, args: ["-e", script], cwd: folder(), env: { PATH: process.env.PATH }, logFile }) };
}

test("what it says is in its log, and its last line is its last word", async () => {
  const { child, logFile } = start("console.log('first'); console.error('second'); process.exitCode = 3");
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.equal(readFileSync(logFile, "utf8"), "first\nsecond\n");
  assert.equal(child.lastWords(), "second");
});

test("the pipe to its stdin stays open until it is ended", async () => {
  const { child, logFile } = start("process.stdin.on('end', () => console.log('END')).resume(); console.log('up')");
  await until(() => readFileSync(logFile, "utf8").includes("up"));
  child.terminate();
  assert.deepEqual(await child.exited, { code: null, signal: "SIGTERM" });
  assert.equal(readFileSync(logFile, "utf8"), "up\n");
});

test("a killed engine takes its own children with it", posix, async () => {
  const inner = "console.log(process.pid); setInterval(() => {}, 1000)";
  const { child, logFile } = start(`require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`);
  await until(() => /^\d+\n/.test(readFileSync(logFile, "utf8")));
  const grandchild = Number(readFileSync(logFile, "utf8"));
  process.kill(child.pid, "SIGKILL"); // only the engine, as a crash would
  await child.exited;
  await until(() => gone(grandchild));
});

test("a command that is not there is an end, not an exception", async () => {
  const child = startProcess({ command: "/nowhere/python", args: [], cwd: folder(), env: {}, logFile: join(folder(), "log") });
  assert.deepEqual(await child.exited, { code: null, signal: "ENOENT" });
});

test("the child sees the contract's variables and nothing of the gateway's", () => {
  const settings = readSettings({ port: 9000 }, { stateDir: "/state", exists: () => true });
  const gateway = { PATH: "/bin", OPENCLAW_GATEWAY_TOKEN: "secret", OPENAI_API_KEY: "secret", ALPACA_API_KEY: "key", TRADING_HOST: "0.0.0.0" };
  const env = childEnvironment(gateway, settings, "token", "127.0.0.1");
  assert.equal(JSON.stringify(env).includes("secret"), false);
  assert.equal(env.ALPACA_API_KEY, "key");
  assert.equal(env.TRADING_HOST, "127.0.0.1", "loopback, whatever the gateway's own variables say");
  assert.deepEqual([env.TRADING_PORT, env.TRADING_API_TOKEN, env.TRADING_LEAVE_WITH_STDIN], ["9000", "token", "true"]);
  assert.equal("STATE_DIR" in env, false);
});

test("settings: defaults, and what is missing is said with what to set", () => {
  const settings = readSettings({}, { stateDir: "/state", exists: () => true });
  assert.deepEqual([settings.manage, settings.port, settings.baseUrl], [true, 8787, "http://127.0.0.1:8787"]);
  assert.equal(settings.tokenFile, join("/state", "trading-engine", "token"));
  assert.equal(startFault(settings, () => true), "");
  assert.match(startFault(settings, () => false), /no server\.py in .*projectDir/);
  const bare = readSettings({ projectDir: "/p" }, { stateDir: "/state", exists: () => false });
  assert.equal(bare.python, null);
  assert.match(startFault(bare, (path) => path.endsWith("server.py")), /no Python at .*config\.python/);
});

function gone(pid) {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)[0] === "Z";
  } catch {
    return true;
  }
}
