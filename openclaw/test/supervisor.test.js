import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { EngineClient } from "../src/client.js";
import { Supervisor } from "../src/supervisor.js";
import { FakeChild, FakeEngine, quietLog, TOKEN, until } from "./fakes.js";

const TIMING = { pollMs: 10, readyPollMs: 5, backoffMsMin: 10, backoffMsMax: 40, steadyMs: 0, graceMs: 60, missesAttached: 2, missesManaged: 3 };
let engine, log, told, children, supervisor;

beforeEach(async () => {
  engine = null;
  log = quietLog();
  told = { ups: [], downs: 0, failures: [], cleared: 0 };
  children = [];
});
afterEach(async () => {
  await supervisor?.stop();
  await engine?.close();
});

/** Take a free port: the fake engine that a fake child brings up listens there. */
async function make({ manage = true, start = () => new FakeChild(), readyTimeoutMs = 2_000, listening = false } = {}) {
  engine = await FakeEngine.listen();
  const { baseUrl } = engine;
  let up = listening;
  const fetchWhenUp = (...asked) => (up ? fetch(...asked) : Promise.reject(Object.assign(new Error(), { cause: { code: "ECONNREFUSED" } })));
  supervisor = new Supervisor({
    settings: { manage, baseUrl, readyTimeoutMs },
    client: new EngineClient({ baseUrl, token: () => TOKEN, fetch: fetchWhenUp }),
    startEngine: () => {
      const child = start();
      child.exited.then(() => (up = false));
      children.push(child);
      return child;
    },
    log,
    report: { failure: (text) => told.failures.push(text), clear: () => (told.cleared += 1) },
    onUp: (facts) => told.ups.push(facts),
    onDown: () => (told.downs += 1),
    timing: TIMING,
  });
  return (now) => (up = now);
}

test("it starts the engine without being waited for, and says when it is up", async () => {
  const answers = await make();
  supervisor.start();
  assert.equal(children.length, 0, "start returned before anything happened");
  await until(() => children.length === 1);
  assert.deepEqual(told.ups, []);
  answers(true);
  await until(() => told.ups.length === 1);
  assert.deepEqual(told.ups[0], { managed: true, pid: 4242 });
});

test("an engine that dies is started again, its end told with its last words", async () => {
  const answers = await make();
  supervisor.start();
  await until(() => children.length === 1);
  answers(true);
  await until(() => told.ups.length === 1);
  children[0].exit(null, "SIGKILL");
  await until(() => children.length === 2);
  assert.match(told.failures.at(-1), /ended with SIGKILL.*its last line/);
  answers(true);
  await until(() => told.ups.length === 2);
  assert.equal(told.downs, 1);
});

test("one that never starts well is tried at growing waits", async () => {
  const at = [];
  await make({ start: () => {
    at.push(performance.now());
    const child = new FakeChild();
    child.exit(2);
    return child;
  } });
  supervisor.start();
  await until(() => at.length === 5);
  const waits = at.slice(1).map((time, index) => time - at[index]);
  assert.ok(waits[0] >= 8, `${waits}`);
  assert.ok(waits[2] >= 35, `${waits}`);
  assert.match(told.failures[0], /exit code 2/);
});

test("what cannot be started is told, and tried again", async () => {
  let tries = 0;
  await make({ start: () => {
    tries += 1;
    throw new Error("There is no Python");
  } });
  supervisor.start();
  await until(() => tries === 2);
  assert.match(told.failures[0], /cannot be started: There is no Python/);
});

test("an engine that does not get ready in time is killed and started again", async () => {
  await make({ readyTimeoutMs: 30 });
  supervisor.start();
  await until(() => children.length === 2);
  assert.deepEqual(children[0].signals, ["SIGKILL"]);
  assert.match(told.failures[0], /did not answer and was killed/);
});

test("an engine that hangs is killed and started again", async () => {
  const answers = await make();
  supervisor.start();
  await until(() => children.length === 1);
  answers(true);
  await until(() => told.ups.length === 1);
  answers(false); // the process lives, nobody answers
  await until(() => children.length === 2);
  assert.deepEqual(children[0].signals, ["SIGKILL"]);
});

test("it attaches to an engine that runs, and leaves it running", async () => {
  await make({ listening: true });
  supervisor.start();
  await until(() => told.ups.length === 1);
  assert.deepEqual(told.ups[0], { managed: false, pid: null });
  await supervisor.stop();
  assert.equal(children.length, 0);
  assert.equal(told.failures.length, 0);
});

test("when the engine it attached to leaves, it starts its own", async () => {
  const answers = await make({ listening: true });
  supervisor.start();
  await until(() => told.ups.length === 1);
  answers(false);
  await until(() => children.length === 1);
  assert.equal(told.downs, 1);
});

test("manage false never starts one, and says what is missing", async () => {
  const answers = await make({ manage: false });
  supervisor.start();
  await until(() => told.failures.length >= 2);
  assert.equal(children.length, 0);
  assert.match(told.failures[0], /does not answer at/);
  answers(true);
  await until(() => told.ups.length === 1);
});

test("a port that another holds is left alone until it is free", async () => {
  const answers = await make({ listening: true });
  engine.token = "another";
  supervisor.start();
  await until(() => told.failures.length >= 1);
  assert.match(told.failures[0], /another token/);
  assert.equal(children.length, 0);
  answers(false);
  await until(() => children.length === 1);
});

test("stop ends a child that leaves when told, once, however often asked", async () => {
  const answers = await make();
  supervisor.start();
  await until(() => children.length === 1);
  answers(true);
  await until(() => told.ups.length === 1);
  const [first, second] = [supervisor.stop(), supervisor.stop()];
  assert.equal(first, second);
  await first;
  assert.deepEqual(children[0].signals, ["SIGTERM"]);
  assert.equal(children.length, 1);
});

test("stop kills a child that does not leave", async () => {
  const answers = await make({ start: () => new FakeChild({ leavesOnTerm: false }) });
  supervisor.start();
  await until(() => children.length === 1);
  answers(true);
  await until(() => told.ups.length === 1);
  await supervisor.stop();
  assert.deepEqual(children[0].signals, ["SIGTERM", "SIGKILL"]);
});

test("stop while it still starts leaves nothing behind", async () => {
  await make();
  supervisor.start();
  await until(() => children.length === 1);
  await supervisor.stop();
  assert.deepEqual(children[0].signals, ["SIGTERM"]);
  assert.deepEqual(told.ups, []);
});
