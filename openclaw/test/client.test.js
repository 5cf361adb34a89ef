import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { EngineClient, EngineProblem } from "../src/client.js";
import { ensureToken, readToken } from "../src/token.js";
import { FakeEngine, folder, TOKEN } from "./fakes.js";

let engine, client;
beforeEach(async () => {
  engine = await FakeEngine.listen({ "GET /status": { fine: true }, "POST /scan": { problem: 503, detail: "Starting.", hint: "Wait." } });
  client = new EngineClient({ baseUrl: engine.baseUrl, token: () => TOKEN });
});
afterEach(() => engine.close());

const sentToken = () => engine.requests.some((r) => JSON.stringify(r.headers).includes(TOKEN) || r.path.includes(TOKEN));

test("an engine that proves itself gets the token, in a header only", async () => {
  assert.equal((await client.identify()).state, "ours");
  assert.equal(sentToken(), false, "not while it is asked who it is");
  assert.deepEqual(await client.get("/status"), { fine: true });
  const asked = engine.requests.at(-1);
  assert.equal(asked.headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(asked.path, "/status");
});

for (const [what, change, state] of [
  ["an engine with another token", (e) => (e.token = "another"), "other-token"],
  ["something that is no engine", (e) => (e.health = { status: "ok" }), "stranger"],
  ["a health that is not ok", (e) => (e.health = { status: "bad", models_loaded: true }), "stranger"],
]) {
  test(`${what} never sees the token`, async () => {
    change(engine);
    assert.equal((await client.identify()).state, state);
    await assert.rejects(client.get("/status"), EngineProblem);
    assert.equal(engine.requests.every((r) => r.path.startsWith("/health")), true, "nothing but the question was asked");
    assert.equal(sentToken(), false);
  });
}

test("a proof for another port is no proof: a stranger cannot pass off the engine's answer", async () => {
  const stranger = await FakeEngine.listen();
  stranger.port = engine.port; // it relays what the real engine would say
  const fooled = new EngineClient({ baseUrl: stranger.baseUrl, token: () => TOKEN });
  assert.equal((await fooled.identify()).state, "other-token");
  await stranger.close();
});

test("an engine without a token is talked to without one", async () => {
  engine.token = null;
  assert.equal((await client.identify()).state, "open");
  await client.get("/status");
  assert.equal(engine.requests.at(-1).headers.authorization, undefined);
});

test("without a token of ours an engine that has one is refused with the reason", async () => {
  const poor = new EngineClient({ baseUrl: engine.baseUrl, token: () => null });
  await assert.rejects(poor.get("/status"), /another token/);
});

test("nobody there is absent, and the hint says how to start it", async () => {
  await engine.close();
  assert.equal((await client.identify()).state, "absent");
  await assert.rejects(client.get("/status"), (error) => /does not answer/.test(error.text) && /openclaw gateway run/.test(error.text));
  engine = await FakeEngine.listen();
});

test("a problem keeps its detail, hint and status", async () => {
  await assert.rejects(client.post("/scan"), (error) => {
    assert.ok(error instanceof EngineProblem);
    assert.deepEqual([error.message, error.hint, error.status, error.text], ["Starting.", "Wait.", 503, "Starting. Wait."]);
    return true;
  });
});

test("an answer that takes too long is a problem that names the call", async () => {
  engine.answers["GET /slow"] = () => {
    throw new Error("never answered");
  };
  engine.server.removeAllListeners("request");
  engine.server.on("request", (request, answer) => {
    if (request.url.startsWith("/health")) return answer.end(JSON.stringify({ status: "ok", models_loaded: true, identity: null }));
  });
  await assert.rejects(client.get("/slow", { timeoutMs: 50 }), /did not answer GET \/slow within 50 ms/);
});

test("the token file is drawn once, long, and its owner's only", () => {
  const path = join(folder(), "new", "token");
  const drawn = ensureToken(path);
  assert.match(drawn, /^[0-9a-f]{64}$/);
  assert.equal(ensureToken(path), drawn);
  if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readToken(join(folder(), "none")), null);
});

test("a file that holds no token is refused and left as it is", () => {
  const path = join(folder(), "token");
  writeFileSync(path, "two words\n");
  assert.throws(() => readToken(path), /does not hold a token/);
  assert.equal(readFileSync(path, "utf8"), "two words\n");
});
