import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Bridge, Waiting } from "../src/bridge.js";
import { EngineClient } from "../src/client.js";
import { eventName, sanitise } from "../src/sanitise.js";
import { FakeEngine, FakeSocket, quietLog, TOKEN, until } from "./fakes.js";

let engine, sockets, emitted, bridge, log;
beforeEach(async () => {
  engine = await FakeEngine.listen();
  [sockets, emitted, log] = [[], [], quietLog()];
  bridge = new Bridge({
    client: new EngineClient({ baseUrl: engine.baseUrl, token: () => TOKEN }),
    emit: (name, payload) => emitted.push({ name, payload }),
    log,
    connect: (url, headers) => {
      const socket = Object.assign(new FakeSocket(), { url, headers });
      sockets.push(socket);
      return socket;
    },
    flushMs: 5,
    backoffMsMin: 5,
  });
  bridge.start();
  await until(() => sockets.length === 1);
});
afterEach(async () => {
  await bridge.stop();
  await engine.close();
});

const event = (seq, type = "signal.buy", data = {}) => ({ type, seq, at: "2026-11-20T20:00:00Z", data });

test("it connects with the token in a header and subscribes to all topics", () => {
  assert.equal(sockets[0].url, `ws://127.0.0.1:${engine.port}/ws/stream`);
  assert.equal(sockets[0].headers.authorization, `Bearer ${TOKEN}`);
  sockets[0].open();
  assert.deepEqual(sockets[0].sent, [{ action: "subscribe", topics: ["*"] }]);
});

test("an event reaches the gateway under a name it takes, in order", async () => {
  sockets[0].hear(event(1));
  sockets[0].hear(event(2, "order.filled"));
  await until(() => emitted.length === 2);
  assert.deepEqual(emitted.map((e) => [e.name, e.payload.seq]), [["signal_buy", 1], ["order_filled", 2]]);
});

test("of what only the newest counts, only the newest is sent; per job", async () => {
  for (let seq = 1; seq <= 50; seq += 1) sockets[0].hear(event(seq, "job.progress", { job_id: seq % 2 ? "a" : "b" }));
  await until(() => emitted.length >= 2);
  assert.deepEqual(emitted.map((e) => e.payload.seq), [49, 50]);
});

test("after a broken connection it asks for what it missed", async () => {
  sockets[0].open();
  sockets[0].hear({ type: "subscribed", topics: ["*"], seq: 6 });
  sockets[0].hear(event(7));
  sockets[0].close();
  await until(() => sockets.length === 2);
  sockets[1].open();
  assert.deepEqual(sockets[1].sent, [{ action: "subscribe", topics: ["*"], since: 7 }]);
});

test("nothing heard of any event: it still knows from where to go on", async () => {
  sockets[0].open();
  sockets[0].hear({ type: "subscribed", topics: ["*"], seq: 6 });
  sockets[0].close();
  await until(() => sockets.length === 2);
  sockets[1].open();
  assert.equal(sockets[1].sent[0].since, 6);
});

test("what is no event is passed over", async () => {
  for (const noise of ["{", { type: "pong", seq: 1 }, { type: "error", detail: "x" }, { data: 1 }]) sockets[0].hear(noise);
  sockets[0].hear(event(3));
  await until(() => emitted.length === 1);
  assert.equal(emitted[0].payload.seq, 3);
});

test("events that the engine dropped are told", async () => {
  sockets[0].hear({ type: "dropped", count: 5 });
  await until(() => emitted.length === 1);
  assert.deepEqual(emitted[0], { name: "dropped", payload: { count: 5 } });
});

test("a gateway that refuses an event does not end the bridge", async () => {
  bridge.emit = () => {
    throw new Error("too large");
  };
  sockets[0].hear(event(1));
  await until(() => log.lines.some((line) => /refused the event signal_buy: too large/.test(line)));
  bridge.emit = (name, payload) => emitted.push({ name, payload });
  sockets[0].hear(event(2));
  await until(() => emitted.length === 1);
});

test("a stranger on the port is never connected to", async () => {
  engine.token = "another";
  sockets[0].close();
  await until(() => log.lines.some((line) => /another token/.test(line)));
  assert.equal(sockets.length, 1);
});

test("what waits is bounded: the oldest are lost, and counted", () => {
  const waiting = new Waiting();
  for (let seq = 1; seq <= 300; seq += 1) waiting.add(event(seq));
  const taken = waiting.take(1_000);
  assert.equal(taken.length + waiting.lost, 300);
  assert.equal(taken.at(-1).seq, 300);
  assert.equal(taken[0].seq, waiting.lost + 1);
});

test("data is cut to plain finite JSON within limits", () => {
  let deep = {};
  const top = deep;
  for (let level = 0; level < 50; level += 1) deep = deep.next = {};
  const dirty = { nan: NaN, inf: -Infinity, ok: 1.5, text: "x".repeat(9_999), list: Array.from({ length: 9_999 }, (_, i) => i), fn: () => 1, none: undefined, top };
  const clean = sanitise(dirty);
  const text = JSON.stringify(clean);
  assert.deepEqual(JSON.parse(text), clean, "it survives a round trip");
  assert.deepEqual([clean.nan, clean.inf, clean.ok, clean.fn], [null, null, 1.5, null]);
  assert.ok(text.length < 65_536 && clean.list.length <= 100 && clean.text.length <= 2_000);
  assert.ok(depth(clean) <= 10);
});

test("every topic of the engine becomes a name that the gateway takes", () => {
  for (const topic of ["regime.update", "signal.buy", "job.progress", "state.changed", "9odd topic!"]) {
    assert.match(eventName(topic), /^[a-z][a-z0-9_-]*$/);
  }
});

function depth(value) {
  return typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
}
