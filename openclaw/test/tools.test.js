import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { beforeToolCall } from "../src/approval.js";
import { EngineClient } from "../src/client.js";
import { Approvals } from "../src/confirmations.js";
import { createTools } from "../src/tools.js";
import { DECISION, ID, job, ORDER, POSITIONS, PREVIEW, SCAN, SENT, STATUS } from "./answers.js";
import { FakeEngine, TOKEN } from "./fakes.js";

const RANKING = { ranking: Array.from({ length: 64 }, (_, i) => ({ rank: i + 1, ticker: `T${i}`, p_outperform: 0.5, factors: { rsi_14: 1 } })), abstained: [], data: DECISION.data };
const MANY_ORDERS = { ...PREVIEW, orders: Array.from({ length: 40 }, () => ORDER) };
let engine, tools, hook, approvals, now;

beforeEach(async () => {
  engine = await FakeEngine.listen({
    "GET /status": STATUS, "GET /regime": { regime: "low_vol" }, "POST /scan": SCAN, "POST /quant/rank": RANKING,
    "POST /decide/v3": DECISION, "GET /positions": POSITIONS,
    [`GET /decisions/${ID}`]: DECISION, "POST /execute": (e) => (e.body("POST /execute").dry_run ? PREVIEW : SENT),
    "POST /backtest?wait=false": job("running"), "POST /train?wait=false": job("running"), "POST /quant/retrain?wait=false": job("running"),
    "GET /jobs/backtest-1-20261120T200000": job("done", { result: { windows: [{ table: { strategy: { sharpe: 0.3 }, SPY: {} } }], warnings: [], caveats: ["hindsight"] } }),
  });
  const client = () => new EngineClient({ baseUrl: engine.baseUrl, token: () => TOKEN });
  now = 0;
  approvals = new Approvals(() => now);
  tools = Object.fromEntries(createTools(client, approvals).map((tool) => [tool.name, tool]));
  hook = beforeToolCall(client, approvals);
});
afterEach(() => engine.close());

const use = async (name, parameters) => (await tools[name].execute("call", parameters)).details;

test("each tool asks its own endpoint and answers plain JSON", async () => {
  const calls = [
    ["trade_status", {}, "GET /status"], ["trade_regime", {}, "GET /regime"], ["trade_scan", {}, "POST /scan"],
    ["trade_quant_rank", {}, "POST /quant/rank"], ["trade_decide", {}, "POST /decide/v3"], ["trade_positions", {}, "GET /positions"],
    ["trade_backtest", {}, "POST /backtest?wait=false"], ["trade_train", {}, "POST /quant/retrain?wait=false"],
    ["trade_train", { model: "rl" }, "POST /train?wait=false"], ["trade_execute", {}, "POST /execute"],
    ["trade_why", { ticker: "nvda" }, `GET /decisions/${ID}`],
  ];
  assert.deepEqual(new Set(calls.map(([name]) => name)), new Set(Object.keys(tools)));
  for (const [name, parameters, asked] of calls) {
    const answer = await tools[name].execute("call", parameters);
    assert.equal(engine.asked.at(-1), asked);
    assert.deepEqual(JSON.parse(answer.content[0].text), answer.details);
    assert.equal(answer.content[0].text.includes(TOKEN), false);
  }
});

test("every parameter is closed: an unknown one is the model's mistake", () => {
  for (const { name, parameters } of Object.values(tools)) assert.equal(parameters.additionalProperties, false, name);
});

test("deciding never sends: whatever the model adds, execute is not passed on", async () => {
  await use("trade_decide", { tickers: ["NVDA"], execute: true });
  assert.deepEqual(engine.body("POST /decide/v3"), { tickers: ["NVDA"] });
});

test("a decision is cut to what counts, and keeps its id", async () => {
  const decided = await use("trade_decide", {});
  assert.equal(decided.decision_id, ID);
  assert.deepEqual([decided.enter.length, decided.exit.length, decided.held], [1, 1, 1]);
  assert.deepEqual(decided.abstained, [{ agent: "sentiment", count: 2, reason: "no news of it" }]);
});

test("the ranking is cut to what was asked", async () => {
  assert.equal((await use("trade_quant_rank", {})).ranking.length, 15);
  const five = await use("trade_quant_rank", { limit: 5 });
  assert.deepEqual([five.ranking.length, five.ranked], [5, 64]);
});

test("why takes the last decision by default, not the last check", async () => {
  const why = await use("trade_why", { ticker: "nvda" });
  assert.deepEqual([why.decision_id, why.decided.votes.length, why.ticker], [ID, 1, "NVDA"]);
  const refused = await use("trade_why", { ticker: "AMD", decision_id: ID });
  assert.deepEqual([refused.decided, refused.refused[0].limit], [null, "10"]);
});

test("a job is followed by its id, and gives its figures", async () => {
  const found = await use("trade_backtest", { job_id: "backtest-1-20261120T200000" });
  assert.deepEqual([found.status, found.result.strategy.sharpe], ["done", 0.3]);
});

test("executing is a dry run unless it is said, and then needs the id", async () => {
  for (const parameters of [{}, { dry_run: true }, { dry_run: undefined }]) {
    await use("trade_execute", parameters);
    assert.equal(engine.body("POST /execute").dry_run, true);
  }
  await assert.rejects(use("trade_execute", { dry_run: false }), /needs the decision's id/);
  assert.equal(engine.requests.filter((r) => r.body?.dry_run === false).length, 0);
});

test("a host that does not ask its hooks gets nothing sent", async () => {
  await assert.rejects(use("trade_execute", { dry_run: false, decision_id: ID }), /Nobody has approved/);
  assert.equal(engine.asked.length, 0);
});

test("one approval sends one decision once, within its time", async () => {
  const sending = { dry_run: false, decision_id: ID };
  const resolve = async (decision) => (await hook({ toolName: "trade_execute", params: sending })).requireApproval.onResolution(decision);
  for (const decision of ["deny", "timeout", "cancelled", "allow-always"]) {
    await resolve(decision);
    await assert.rejects(use("trade_execute", sending), /Nobody has approved/);
  }
  await resolve("allow-once");
  await assert.rejects(use("trade_execute", { dry_run: false, decision_id: "another" }), /Nobody has approved/);
  assert.equal((await use("trade_execute", sending)).orders[0].status, "submitted");
  await assert.rejects(use("trade_execute", sending), /Nobody has approved/);
  await resolve("allow-once");
  now += 601_000;
  await assert.rejects(use("trade_execute", sending), /Nobody has approved/);
});

test("an engine's refusal is an error with its hint", async () => {
  engine.answers["POST /scan"] = { problem: 503, detail: "The engine is starting.", hint: "Ask again." };
  await assert.rejects(use("trade_scan", {}), /The engine is starting\. Ask again\./);
});

test("only sending waits for a person", async () => {
  for (const event of [
    { toolName: "trade_decide", params: {} }, { toolName: "trade_execute", params: {} },
    { toolName: "trade_execute", params: { dry_run: true, decision_id: ID } }, { toolName: "exec", params: { dry_run: false } },
  ]) assert.equal(await hook(event), undefined);
});

for (const dryRun of [false, "false", 0, null]) {
  test(`dry_run ${JSON.stringify(dryRun)} is never taken for a dry run by one side only`, async () => {
    const asked = await hook({ toolName: "trade_execute", params: { dry_run: dryRun, decision_id: ID } });
    engine.requests.length = 0;
    asked?.requireApproval.onResolution("allow-once");
    await use("trade_execute", { dry_run: dryRun, decision_id: ID });
    const sent = engine.body("POST /execute").dry_run === false;
    assert.equal(sent, dryRun === false);
    assert.ok(!sent || asked.requireApproval, "what is sent was approved");
  });
}

test("the person sees what would be sent and where, within the gateway's limits", async () => {
  engine.answers["POST /execute"] = MANY_ORDERS;
  const { requireApproval: asked } = await hook({ toolName: "trade_execute", params: { dry_run: false, decision_id: ID } });
  assert.match(asked.description, new RegExp(`To built-in paper broker, on simulated data, decision ${ID}: buy 31\\.6 NVDA at about \\$158\\.00`));
  assert.match(asked.description, /and 32 more/);
  assert.ok(asked.title.length <= 80 && asked.description.length <= 512);
  assert.deepEqual([asked.severity, asked.allowedDecisions], ["critical", ["allow-once", "deny"]]);
});

test("what cannot be named or looked up is blocked, not asked", async () => {
  assert.match((await hook({ toolName: "trade_execute", params: { dry_run: false } })).blockReason, /needs the decision's id/);
  engine.answers["POST /execute"] = { ...PREVIEW, orders: [] };
  assert.match((await hook({ toolName: "trade_execute", params: { dry_run: false, decision_id: ID } })).blockReason, /has no order to send/);
  engine.answers["POST /execute"] = { problem: 409, detail: "It was executed.", hint: "" };
  const again = await hook({ toolName: "trade_execute", params: { dry_run: false, decision_id: ID } });
  assert.deepEqual([again.block, again.requireApproval], [true, undefined]);
  assert.match(again.blockReason, /It was executed/);
});
