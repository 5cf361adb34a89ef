import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createCli } from "../src/cli.js";
import { EngineClient } from "../src/client.js";
import { declareJobs, JOBS, jobStates, removeJobs } from "../src/jobs.js";
import { createMethods, handler } from "../src/methods.js";
import { runJob } from "../src/run_job.js";
import { readSettings } from "../src/settings.js";
import { shared } from "../src/shared.js";
import { DECISION, ID, job, POSITIONS, STATUS } from "./answers.js";
import { FakeEngine, folder, TOKEN, tokenFile } from "./fakes.js";

const RUNNER = fileURLToPath(new URL("../src/run_job.js", import.meta.url));
const MONDAY_0915 = new Date("2026-11-23T14:15:00Z"); // 09:15 in New York
const SUNDAY = new Date("2026-11-22T15:00:00Z");
const OWN_SCHEDULER = { ...STATUS, scheduler: { enabled: true } };
let engine, client, cron, methods;

/** The gateway's scheduler: an upsert by declaration key keeps what the operator switched. */
class FakeCron {
  jobs = new Map([["another", { id: "another", enabled: true }]]);

  async list() {
    return [...this.jobs.values()];
  }
  async add(asked) {
    const known = [...this.jobs.values()].find((j) => j.declarationKey === asked.declarationKey);
    assert.ok(!known || asked.id === undefined, "an id only at the first declaration");
    const id = known?.id ?? asked.id;
    this.jobs.set(id, { ...asked, id, enabled: known?.enabled ?? asked.enabled });
  }
  async update(id, patch) {
    Object.assign(this.jobs.get(id), patch);
  }
  async remove(id) {
    this.jobs.delete(id);
  }
}

beforeEach(async () => {
  engine = await FakeEngine.listen({
    "GET /status": STATUS, "GET /positions": POSITIONS, "GET /regime": regime(true), "POST /decide/v3": DECISION, "POST /risk/check": DECISION,
    "POST /quant/retrain?wait=false": job("running", { job_id: "quant" }), "POST /train?wait=false": job("running", { job_id: "rl" }),
    "GET /jobs/quant": job("done", { job_id: "quant" }), "GET /jobs/rl": job("done", { job_id: "rl" }),
  });
  client = new EngineClient({ baseUrl: engine.baseUrl, token: () => TOKEN });
  cron = shared().cron = new FakeCron();
  await declareJobs(cron, readSettings({}, { stateDir: folder() }));
  methods = Object.fromEntries(createMethods(() => client).map((m) => [m.name, handler(m.answer)]));
});
afterEach(async () => {
  shared().cron = null;
  await engine.close();
});

const call = (name, params = {}) => new Promise((done) => methods[name]({ params, respond: (ok, payload, error) => done({ ok, payload, error }) }));
const enabled = async () => (await jobStates(cron)).filter((j) => j.enabled).map((j) => j.id);
const run = (name, now = MONDAY_0915) => runJob(name, client, { now: () => now, pollMs: 1 });

test("the four jobs are declared under the runbook's names, off, in New York's time, without a secret", async () => {
  assert.deepEqual(JOBS.map((j) => [j.id, j.expr]), [
    ["cron_decide", "*/15 9-16 * * 1-5"], ["cron_risk_check", "*/5 9-16 * * 1-5"], ["cron_regime", "0 9 * * *"], ["cron_weekly_retrain", "0 2 * * 0"],
  ]);
  for (const { id } of JOBS) {
    const declared = cron.jobs.get(id);
    assert.deepEqual([declared.enabled, declared.schedule.tz, declared.payload.argv.at(-1)], [false, "America/New_York", id]);
  }
  assert.equal(JSON.stringify([...cron.jobs]).includes(TOKEN), false);
});

test("declaring again changes nothing that the operator switched", async () => {
  await cron.update("cron_regime", { enabled: true });
  await declareJobs(cron, readSettings({ port: 9000 }, { stateDir: folder() }));
  assert.deepEqual(await enabled(), ["cron_regime"]);
  assert.equal(cron.jobs.get("cron_decide").payload.env.TRADING_ENGINE_URL, "http://127.0.0.1:9000");
});

test("enable and disable switch all four and nothing else", async () => {
  assert.equal((await call("trade.cron.set", { enabled: true })).ok, true);
  assert.deepEqual(await enabled(), JOBS.map((j) => j.id));
  await call("trade.cron.set", { enabled: false });
  assert.deepEqual(await enabled(), []);
  assert.equal(cron.jobs.get("another").enabled, true);
});

test("enable is refused while the engine's own scheduler is on, disable is not", async () => {
  await call("trade.cron.set", { enabled: true });
  engine.answers["GET /status"] = OWN_SCHEDULER;
  const { ok, error } = await call("trade.cron.set", { enabled: true });
  assert.equal(ok, false);
  assert.match(error.message, /own scheduler \(ENABLE_CRON\) runs the jobs.*without ENABLE_CRON/);
  assert.equal((await call("trade.cron.set", { enabled: false })).ok, true);
  assert.deepEqual(await enabled(), []);
});

test("enable is refused while nobody can say who runs the jobs", async () => {
  await engine.close();
  assert.match((await call("trade.cron.set", { enabled: true })).error.message, /does not answer/);
  assert.deepEqual(await enabled(), []);
  engine = await FakeEngine.listen();
});

test("what is not on or off, or a gateway without a scheduler, is refused", async () => {
  assert.equal((await call("trade.cron.set", { enabled: "yes" })).ok, false);
  shared().cron = null;
  assert.match((await call("trade.cron.status")).error.message, /scheduler is not there/);
});

test("remove takes our jobs only", async () => {
  await removeJobs(cron);
  assert.deepEqual([...cron.jobs.keys()], ["another"]);
});

test("each job asks what the contract says", async () => {
  for (const [name, asked, text] of [
    ["cron_decide", ["GET /status", "GET /regime", "POST /decide/v3"], `decided ${ID}: 1 orders sent, 1 refused`],
    ["cron_risk_check", ["GET /status", "GET /regime", "POST /risk/check"], `checked ${ID}: 1 orders sent`],
    ["cron_regime", ["GET /status", "GET /regime"], "regime low_vol (0.930) as of 2026-11-20"],
    ["cron_weekly_retrain", ["GET /status", "POST /quant/retrain?wait=false", "GET /jobs/quant", "POST /train?wait=false", "GET /jobs/rl"], "retrained: quant, rl"],
  ]) {
    engine.requests.length = 0;
    assert.deepEqual(await run(name), { code: 0, text });
    assert.deepEqual(engine.asked, asked);
  }
  assert.deepEqual(engine.body("POST /decide/v3") ?? null, null);
});

test("while the exchange is open it executes; before the open it sends nothing; else it skips", async () => {
  await run("cron_decide");
  assert.deepEqual(engine.body("POST /decide/v3"), { execute: true });
  for (const closed of [regime(false), regime(undefined)]) {
    engine.answers["GET /regime"] = closed;
    assert.match((await run("cron_decide")).text, /nothing sent before the open/);
    assert.deepEqual(engine.body("POST /decide/v3"), { execute: false });
  }
  engine.requests.length = 0;
  for (const [name, at] of [["cron_decide", SUNDAY], ["cron_decide", new Date("2026-11-27T18:30:00Z")], ["cron_risk_check", MONDAY_0915]]) {
    assert.deepEqual(await run(name, at), { code: 0, text: "skipped: the exchange is closed" });
  }
  assert.equal(engine.asked.some((asked) => asked.startsWith("POST")), false);
});

test("no job runs beside the engine's own scheduler, even one that was switched on by hand", async () => {
  engine.answers["GET /status"] = OWN_SCHEDULER;
  for (const { id } of JOBS) {
    engine.requests.length = 0;
    const { code, text } = await run(id);
    assert.equal(code, 0);
    assert.match(text, /^skipped: the engine's own scheduler/);
    assert.deepEqual(engine.asked, ["GET /status"]);
  }
});

test("a refusal is a failed run with its reason, a failed training too", async () => {
  engine.answers["POST /decide/v3"] = { problem: 503, detail: "The feed failed.", hint: "Try again." };
  assert.deepEqual(await run("cron_decide"), { code: 1, text: "The feed failed. Try again." });
  engine.answers["GET /jobs/quant"] = job("failed", { job_id: "quant", error: "line\nNo bars." });
  assert.deepEqual(await run("cron_weekly_retrain"), { code: 1, text: "/quant/retrain failed: No bars." });
});

test("as the scheduler starts it: a process, one line, an exit code", async () => {
  const started = (name) => promisify(execFile)(process.execPath, [RUNNER, name], {
    env: { PATH: process.env.PATH, TRADING_ENGINE_URL: engine.baseUrl, TRADING_ENGINE_TOKEN_FILE: tokenFile() },
  });
  assert.equal((await started("cron_regime")).stdout, "regime low_vol (0.930) as of 2026-11-20\n");
  await assert.rejects(started("cron_other"), (error) => error.code === 2 && /There is no job cron_other/.test(error.stdout));
  const { baseUrl } = engine;
  await engine.close();
  assert.equal((await started("cron_regime")).stdout, `skipped: no engine answers at ${baseUrl}\n`);
  engine = await FakeEngine.listen();
});

test("the command line asks the gateway to switch, and the engine for its status", async () => {
  const [printed, called] = [[], []];
  const callGateway = async (method, params) => {
    called.push([method, params]);
    return { jobs: await jobStates(cron) };
  };
  const commands = treeOf(createCli({ client: () => client, print: (text) => printed.push(text), callGateway }));
  await commands["trade cron enable"]();
  await commands["trade cron disable"]();
  await commands["trade cron status"]();
  await commands["trade cron remove"]();
  assert.deepEqual(called, [["trade.cron.set", { enabled: true }], ["trade.cron.set", { enabled: false }], ["trade.cron.status", {}], ["trade.cron.remove", {}]]);
  assert.match(printed[0], /^cron_decide +off +\*\/15 9-16 \* \* 1-5 America\/New_York\n/);
  await commands["trade status"]();
  assert.match(printed.at(-1), /Trading engine: active/);
});

function regime(open) {
  return { regime: "low_vol", confidence: 0.93, as_of: "2026-11-20", market_open: open };
}

/** Commander, as far as the plugin uses it: the actions by their whole command. */
function treeOf(registrar) {
  const actions = {};
  const node = (path) => ({
    command: (name) => node([...path, name]),
    description() { return this; },
    action(act) { actions[path.join(" ")] = act; return this; },
  });
  registrar({ program: node([]) });
  return actions;
}
