import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { EngineClient } from "../src/client.js";
import { createCommands } from "../src/commands.js";
import { Confirmations } from "../src/confirmations.js";
import { DECISION, ID, job, POSITIONS, PREVIEW, SCAN, SENT, STATUS } from "./answers.js";
import { FakeEngine, TOKEN } from "./fakes.js";

const OPERATOR = { channel: "telegram", senderId: "7", sessionKey: "main", isAuthorizedSender: true, senderIsOwner: true };
const PHONE_CHARACTERS_MAX = 1_200;
let engine, commands, now;

beforeEach(async () => {
  now = 0;
  engine = await FakeEngine.listen({
    "GET /status": STATUS, "GET /positions": POSITIONS, "POST /scan": SCAN, "POST /decide/v3": DECISION,
    "POST /execute": (e) => (e.body("POST /execute").dry_run ? PREVIEW : SENT),
    "POST /backtest?wait=false": job("running"), "POST /train?wait=false": job("running"), "POST /quant/retrain?wait=false": job("running"),
    "GET /jobs/backtest-1-20261120T200000": job("running"),
  });
  const client = () => new EngineClient({ baseUrl: engine.baseUrl, token: () => TOKEN });
  commands = Object.fromEntries(createCommands({ client, confirmations: new Confirmations(() => now) }).map((c) => [c.name, c]));
});
afterEach(() => engine.close());

const say = (name, args = "", ctx = OPERATOR) => commands[name].handler({ ...ctx, args });
const sends = () => engine.requests.filter((r) => r.path === "/execute" && r.body.dry_run === false);
const codeOf = ({ text }) => /confirm (\d{6})/.exec(text)[1];

test("the status fits a phone and names book, data, models and what is missing", async () => {
  const { text } = await say("trade-status");
  for (const part of ["active, orders to built-in paper broker", "Data: simulated until 2026-11-20", "$100,050.00", "NVDA 31.6 at $158.50 (+0.3 %)", "quant in use (3 d)", "! rl: no RL models"]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  assert.ok(text.length < PHONE_CHARACTERS_MAX);
});

test("the status of an engine that still starts says so", async () => {
  engine.answers["GET /positions"] = { problem: 503, detail: "Starting.", hint: "" };
  engine.answers["GET /status"] = { ...STATUS, trading_state: undefined, broker: undefined, regime: undefined, degraded: ["The engine is starting."] };
  assert.match((await say("trade-status")).text, /Trading engine: starting\n(.*\n)*! The engine is starting\./);
});

test("a status whose jobs are scheduled ones, or another shape, is still told", async () => {
  for (const jobs of [[{ id: "cron_decide", next_run: "2026-11-23T14:00:00Z" }], { cron_decide: {} }, undefined]) {
    engine.answers["GET /status"] = { ...STATUS, jobs, scheduler: { enabled: true } };
    assert.match((await say("trade-status")).text, /the engine's own scheduler runs them/);
  }
});

test("the scan decides through the engine and gives that decision's id", async () => {
  const { text } = await say("trade-scan");
  assert.deepEqual(engine.asked, ["POST /scan", "POST /decide/v3"]);
  assert.deepEqual(engine.body("POST /decide/v3"), {}, "nothing is executed");
  for (const part of ["Semiconductors +8.0 %: NVDA AVGO", "Buy NVDA: 0.52, 31.6 for $4,992.80", "Sell XOM: -0.30 (stop_loss)", "Refused AMD: max_positions 11, limit 10", `/trade-execute ${ID}`]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  assert.ok(text.length < PHONE_CHARACTERS_MAX);
});

test("a long book still fits a phone", async () => {
  engine.answers["POST /decide/v3"] = { ...DECISION, decisions: Array.from({ length: 64 }, () => DECISION.decisions[0]), refused: Array.from({ length: 64 }, () => DECISION.refused[0]) };
  const { text } = await say("trade-scan");
  assert.ok(text.length < PHONE_CHARACTERS_MAX, String(text.length));
  assert.match(text, /and 56 more/);
});

test("executing shows the orders first and sends them at the second word, once", async () => {
  const asked = await say("trade-execute", ID);
  assert.match(asked.text, /To built-in paper broker, on simulated data:\nbuy 31\.6 NVDA at about \$158\.00/);
  assert.equal(sends().length, 0);
  const done = await say("trade-execute", `confirm ${codeOf(asked)}`);
  assert.match(done.text, /Sent to built-in paper broker:\nbuy 31\.6 NVDA at about \$158\.00: submitted/);
  assert.deepEqual(sends().map((r) => r.body), [{ decision_id: ID, dry_run: false }]);
  assert.equal((await say("trade-execute", `confirm ${codeOf(asked)}`)).isError, true);
  assert.equal(sends().length, 1);
});

test("another person's, a wrong, an old code sends nothing", async () => {
  const other = { ...OPERATOR, senderId: "8" };
  const code = codeOf(await say("trade-execute"));
  assert.equal((await say("trade-execute", `confirm ${code}`, other)).isError, true);
  assert.equal((await say("trade-execute", "confirm 1", OPERATOR)).isError, true);
  assert.equal((await say("trade-execute", `confirm ${code}`)).isError, true, "the wrong try burnt it");
  const late = codeOf(await say("trade-execute"));
  now += 121_000;
  assert.equal((await say("trade-execute", `confirm ${late}`)).isError, true);
  assert.equal((await say("trade-execute", "confirm")).isError, true);
  assert.equal(sends().length, 0);
});

for (const [who, ctx] of [
  ["a sender who does not own the gateway", { ...OPERATOR, senderIsOwner: false }],
  ["a client without the admin scope", { ...OPERATOR, senderIsOwner: undefined, gatewayClientScopes: ["operator.write"] }],
  ["an owner who is not authorized here", { ...OPERATOR, isAuthorizedSender: false }],
]) {
  test(`${who} may not execute, nor see the orders`, async () => {
    assert.deepEqual(await say("trade-execute", "", ctx), { text: "Only the operator may send orders.", isError: true });
    assert.equal(engine.requests.length, 0);
  });
}

test("a decision with nothing to send asks for no second word", async () => {
  engine.answers["POST /execute"] = { ...PREVIEW, orders: [] };
  assert.match((await say("trade-execute")).text, /has no order to send/);
});

test("backtest and train start a job, and follow one by its id", async () => {
  assert.match((await say("trade-backtest", "quant_v8 2024-01-02 2024-12-31")).text, /Follow it: \/trade-backtest backtest-1-/);
  assert.deepEqual(engine.body("POST /backtest?wait=false"), { strategy: "quant_v8", start: "2024-01-02", end: "2024-12-31" });
  assert.match((await say("trade-backtest", "backtest-1-20261120T200000")).text, /running, 50 %\nhalf way/);
  await say("trade-train", "rl");
  assert.equal(engine.asked.at(-1), "POST /train?wait=false");
  await say("trade-train");
  assert.equal(engine.asked.at(-1), "POST /quant/retrain?wait=false");
  assert.equal((await say("trade-train", "gpt")).isError, true);
});

test("a finished job gives its figures, a failed one its reason", async () => {
  const finished = (more) => (engine.answers["GET /jobs/backtest-1-20261120T200000"] = job("done", more));
  const follow = async () => (await say("trade-backtest", "backtest-1-20261120T200000")).text;
  finished({ result: { windows: [{ table: { strategy: { total_return: 0.11, sharpe: 0.3, drawdown_max: -0.13, win_rate: 0.41, turnover_per_year: null } } }], caveats: ["Picked with hindsight."] } });
  assert.match(await follow(), /Return \+11\.0 %, Sharpe 0\.30, drawdown -13\.0 %\nWin rate 41 %, turnover n\/a a year\nPicked with hindsight/);
  finished({ result: { promoted: false, reason: "not better" } });
  assert.match(await follow(), /Not promoted: not better/);
  engine.answers["GET /jobs/backtest-1-20261120T200000"] = job("failed", { error: "No bars." });
  assert.match(await follow(), /! No bars\./);
});

test("an engine that is away is a short answer with what to do", async () => {
  await engine.close();
  const { text, isError } = await say("trade-status");
  assert.ok(isError);
  assert.match(text, /does not answer at .* 'python server\.py'/);
  engine = await FakeEngine.listen();
});

test("who may use what is declared to the gateway", () => {
  assert.deepEqual(Object.fromEntries(Object.values(commands).map((c) => [c.name, c.requiredScopes])), {
    "trade-status": undefined, "trade-scan": ["operator.write"], "trade-execute": ["operator.admin"],
    "trade-backtest": ["operator.write"], "trade-train": ["operator.write"],
  });
  for (const command of Object.values(commands)) {
    assert.equal(command.requireAuth, true);
    assert.match(command.nativeNames.default, /^[a-z0-9_]{1,32}$/);
  }
});
