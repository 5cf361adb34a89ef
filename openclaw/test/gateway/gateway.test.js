/** The whole way: a real gateway, our plugin, the real engine on its simulated market. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { FakeModel } from "./fake_model.js";
import { alive, Gateway, groupOf, until } from "./gateway.js";

const openclawDir = process.env.OPENCLAW_DIR ?? "";
const skip = !existsSync(join(openclawDir, "node_modules", "openclaw", "openclaw.mjs"))
  && "OPENCLAW_DIR names no folder with openclaw: make test-openclaw fetches it";
const COMMANDS = ["trade-status", "trade-scan", "trade-execute", "trade-backtest", "trade-train"];
const JOBS = ["cron_decide", "cron_risk_check", "cron_regime", "cron_weekly_retrain"];
const DECISION = /\d{8}T\d{6}-decide-[0-9a-f]+/;

describe("the plugin in a real gateway", { skip, concurrency: 1 }, () => {
  let model, gateway, client, decided;

  before(async () => {
    model = await FakeModel.listen();
    gateway = await Gateway.create({ openclawDir, modelUrl: model.url });
    await gateway.start();
    client = await gateway.connect();
  });
  after(async () => {
    client?.close();
    await gateway?.end();
    model?.close();
  });

  test("the service starts the engine and the gateway says so", async () => {
    const status = await until("up", async () => ((s) => s.up && s)(await client.call("trade.status")));
    assert.equal(status.managed, true);
    assert.ok(alive(status.pid));
    await gateway.engineIdle();
  });

  test("the gateway method gives the engine's own status", async () => {
    const { status } = await client.call("trade.status");
    const engine = await gateway.engine("/status");
    assert.equal(status.trading_state, "active");
    assert.equal(status.broker.orders_go_to, engine.broker.orders_go_to);
    assert.equal(JSON.stringify(status).includes(gateway.engineToken), false);
  });

  test("a tool answers over HTTP", async () => {
    const { status, body } = await gateway.tool("trade_regime");
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(JSON.stringify(body), /low_vol|high_vol/);
  });

  test("/trade-status", async () => {
    const text = await client.chat("/trade-status");
    assert.match(text, /Trading engine: active, orders to built-in paper broker/);
    assert.match(text, /Book: \$100,000\.00/);
  });

  test("/trade-scan decides, and its decision is in /decisions", async () => {
    const text = await client.chat("/trade-scan");
    decided = DECISION.exec(text)?.[0];
    assert.ok(decided, text);
    const { decisions } = await gateway.engine("/decisions");
    assert.ok(decisions.some((d) => d.decision_id === decided), "the same id");
    console.log(`  /trade-scan said ${decided}; GET /decisions has it`);
  });

  test("the events of that decision reached the gateway's clients", async () => {
    const made = await client.event("plugin.trading-engine.decision_made", (p) => p.data.decision_id === decided, 20_000);
    assert.ok(made.seq > 0);
    await client.event("plugin.trading-engine.portfolio_update", undefined, 20_000);
  });

  test("/trade-execute shows the orders and sends them only at the second word", async () => {
    const asked = await client.chat(`/trade-execute ${decided}`);
    const code = /confirm (\d{6})/.exec(asked)?.[1];
    assert.ok(code, asked);
    assert.ok((await gateway.engine("/orders")).orders.every((o) => o.status === "proposed"), "nothing is sent yet");
    assert.match(await client.chat("/trade-execute confirm 000000"), /wrong, used or too old/);
    assert.match(await client.chat(`/trade-execute confirm ${code}`), /wrong, used or too old/, "one try a code");
    const again = /confirm (\d{6})/.exec(await client.chat(`/trade-execute ${decided}`))[1];
    assert.match(await client.chat(`/trade-execute confirm ${again}`), /Sent to built-in paper broker/);
    assert.ok((await gateway.engine("/orders")).orders.some((o) => o.decision_id === decided && o.status === "submitted"));
  });

  test("/trade-execute is refused to a client without the admin scope", async () => {
    const reader = await gateway.connect({ scopes: ["operator.read", "operator.write"] });
    assert.match(await reader.chat(`/trade-execute ${decided}`), /requires gateway scope: operator\.admin/);
    reader.close();
  });

  test("/trade-train and /trade-backtest start jobs that the engine knows", async () => {
    for (const [command, kind] of [["/trade-train quant", "quant_retrain"], ["/trade-backtest", "backtest"]]) {
      const id = new RegExp(`${kind}-\\d+-\\d{8}T\\d{6}`).exec(await client.chat(command))?.[0];
      assert.ok(id, command);
      assert.equal((await gateway.engine(`/jobs/${id}`)).kind, kind);
      assert.match(await client.chat(`${command.split(" ")[0]} ${id}`), new RegExp(`^${id}: `));
    }
  });

  test("every declared command and tool is registered", async () => {
    const found = JSON.parse(await gateway.cli("plugins", "inspect", "trading-engine", "--runtime", "--json"));
    const text = JSON.stringify(found);
    for (const name of COMMANDS) assert.ok(text.includes(name), name);
    assert.ok(text.includes("trade_execute"));
  });

  test("an agent's turn calls a tool and hears the engine", async () => {
    model.script("trade_positions", {});
    const text = await client.chat("what do I hold?", "agent-1");
    assert.match(text, /TOOL SAID .*equity/s);
  });

  test("an agent's execution that a person denies sends nothing", async () => {
    const id = await freshDecision();
    assert.match(await approve("deny", id), /TOOL SAID .*Denied by user/s);
    const ours = (await gateway.engine("/orders")).orders.filter((o) => o.decision_id === id);
    assert.ok(ours.length > 0 && ours.every((o) => o.status === "proposed"), JSON.stringify(ours));
  });

  test("an agent's execution that a person allows once is sent", async () => {
    const id = await freshDecision();
    assert.match(await approve("allow-once", id), /TOOL SAID .*submitted/s);
    assert.ok((await gateway.engine("/orders")).orders.some((o) => o.decision_id === id && o.status === "submitted"));
    console.log(`  allowed once: ${id}`);
  });

  test("a tool call from HTTP cannot execute: there is nobody to ask", async () => {
    const { status } = await gateway.tool("trade_execute", { decision_id: decided, dry_run: false });
    assert.equal(status, 403);
  });

  test("the jobs are declared off, one by one and all together on and off", async () => {
    const listed = async () => new Map(JSON.parse(await gateway.cli("cron", "list", "--all", "--json")).jobs.map((j) => [j.id, j]));
    const jobs = await listed();
    assert.deepEqual(JOBS.filter((id) => jobs.get(id)?.enabled === false), JOBS);
    await gateway.cli("cron", "enable", "cron_regime");
    assert.equal((await listed()).get("cron_regime").enabled, true);
    assert.match(await gateway.cli("trade", "cron", "enable"), /cron_weekly_retrain +on/);
    const on = await listed();
    assert.deepEqual(JOBS.filter((id) => on.get(id).enabled), JOBS);
    assert.match(await gateway.cli("trade", "cron", "disable"), /cron_decide +off/);
  });

  test("a job runs and asks the engine", async () => {
    const regime = await gateway.cli("cron", "run", "cron_regime", "--wait");
    assert.match(regime, /regime (low|high)_vol/, regime);
    const decide = await gateway.cli("cron", "run", "cron_decide", "--wait");
    const id = DECISION.exec(decide)?.[0];
    if (id) await gateway.engine(`/decisions/${id}`);
    else assert.match(decide, /skipped: the exchange is closed/);
  });

  test("the CLI reaches the engine from another process", async () => {
    assert.match(await gateway.cli("trade", "status"), /Trading engine: active/);
  });

  test("the engine killed is started again", async () => {
    const { pid } = await client.call("trade.status");
    process.kill(pid, "SIGKILL");
    const next = await until("a new engine", async () => ((s) => s.up && s.pid !== pid && s)(await client.call("trade.status")));
    assert.ok(alive(next.pid));
    await gateway.engineIdle();
    assert.ok((await gateway.engine("/decisions")).decisions.some((d) => d.decision_id === decided), "the ledger outlived it");
  });

  test("SIGTERM to the gateway leaves no process behind", async () => {
    const { pid } = await client.call("trade.status");
    await client.call("trade.cron.set", { enabled: true });
    client.close();
    gateway.child.kill("SIGTERM");
    await gateway.exited;
    assert.deepEqual(groupOf(pid), []);
  });

  test("SIGKILL to the gateway leaves no process behind, not even a training child", async () => {
    await gateway.start();
    client = await gateway.connect();
    const { pid } = await until("up", async () => ((s) => s.up && s)(await client.call("trade.status")));
    const { jobs } = await client.call("trade.cron.status");
    assert.deepEqual(jobs.filter((j) => j.enabled).map((j) => j.id), JOBS, "what the operator switched on stays on");
    await client.call("trade.cron.set", { enabled: false });
    await gateway.engineIdle();
    await gateway.engine("/quant/retrain?wait=false", "POST");
    await until("a training child", () => groupOf(pid).length > 1);
    client.close();
    gateway.child.kill("SIGKILL");
    await gateway.exited;
    await until("all left", () => groupOf(pid).length === 0, 10_000);
  });

  test("an engine that runs is attached to; when it leaves, the gateway starts its own", async () => {
    const pid = gateway.startEngineByHand();
    await until("by hand", () => gateway.engine("/ready").catch(() => null));
    await gateway.start();
    client = await gateway.connect();
    const attached = await until("attached", async () => ((s) => s.up && s)(await client.call("trade.status")));
    assert.deepEqual([attached.managed, attached.pid], [false, null]);
    assert.match(await client.chat("/trade-status"), /Trading engine: active/);
    gateway.byHand.kill("SIGTERM");
    await until("it left", () => !alive(pid), 10_000);
    const own = await until("its own", async () => ((s) => s.up && s.managed && s)(await client.call("trade.status")));
    assert.ok(alive(own.pid));
  });

  /** Give a decision with orders to send: without what is already sent, which the engine would not send again. */
  async function freshDecision() {
    await gateway.engine("/flatten", "POST");
    await gateway.engine("/resume", "POST");
    return (await gateway.engine("/decide/v3", "POST")).decision_id;
  }

  /** Let the agent execute, and answer the approval it asks for. */
  async function approve(decision, id) {
    const person = await gateway.connect({ scopes: ["operator.admin", "operator.approvals"], caps: ["plugin-approvals"] });
    model.script("trade_execute", { decision_id: id, dry_run: false });
    const said = client.chat("send it", `agent-${decision}`);
    const asked = await person.event("plugin.approval.requested", undefined, 30_000);
    assert.match(JSON.stringify(asked), new RegExp(`built-in paper broker.*${id}`));
    await person.call("plugin.approval.resolve", { id: asked.id, decision });
    const text = await said;
    person.close();
    return text;
  }
});
