import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import plugin from "../index.js";
import { readSettings } from "../src/settings.js";
import { shared } from "../src/shared.js";
import { STATUS } from "./answers.js";
import { fakeApi, FakeEngine, folder, tokenFile, until } from "./fakes.js";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const manifest = JSON.parse(read("openclaw.plugin.json"));
const packed = JSON.parse(read("package.json"));

function registered(options) {
  const api = fakeApi(options);
  plugin.register(api);
  return api.registered;
}

test("manifest and registration say the same", () => {
  const { tools, commands, cli, services } = registered();
  assert.deepEqual(Object.keys(tools), manifest.contracts.tools);
  assert.deepEqual(Object.keys(commands), manifest.commandAliases.map((alias) => alias.name));
  assert.deepEqual(cli.options.descriptors, manifest.cliCommands);
  assert.deepEqual(Object.keys(services), [manifest.id]);
  const optional = Object.keys(tools).filter((name) => tools[name].options.optional);
  assert.deepEqual(optional, Object.keys(manifest.toolMetadata).filter((name) => manifest.toolMetadata[name].optional));
  assert.deepEqual(optional, ["trade_execute"]);
  assert.deepEqual(Object.keys(manifest.toolMetadata), manifest.contracts.tools, "of each tool the host knows what it does");
});

test("the host's backup holds what the plugin keeps: the engine's token", () => {
  assert.deepEqual(manifest.backupResources, [{ disposition: "include", scope: "state", relativePath: "trading-engine" }]);
  const { tokenFile: kept } = readSettings({}, { stateDir: "/host", exists: () => true });
  assert.equal(kept, "/host/trading-engine/token");
});

test("the package ships what it needs, and nothing to install", () => {
  assert.equal(packed.version, manifest.version);
  assert.equal(packed.license, "Apache-2.0");
  assert.equal(packed.dependencies, undefined);
  assert.match(packed.name, /^@[a-z-]+\/[a-z-]+$/, "the registry takes scoped names");
  assert.equal(packed.private, undefined);
  assert.deepEqual(Object.keys(packed.openclaw.build), ["openclawVersion", "pluginSdkVersion"]);
  for (const path of [...packed.files, ...packed.openclaw.extensions, ...manifest.skills]) assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
});

test("each skill is a folder with its own name, no command's, and no command of its own", () => {
  const skills = readdirSync(new URL("../skills", import.meta.url));
  assert.ok(skills.length >= 4);
  for (const skill of skills) {
    const text = read(`skills/${skill}/SKILL.md`);
    assert.match(text, new RegExp(`^---\nname: ${skill}\ndescription: .+\nuser-invocable: false\n`));
    assert.equal(manifest.commandAliases.some((alias) => alias.name === skill), false);
    for (const [name] of text.matchAll(/trade_[a-z_]+/g)) assert.ok(manifest.contracts.tools.includes(name), `${skill}: ${name}`);
  }
});

test("registering starts nothing and asks nothing of the host", () => {
  const api = fakeApi();
  Object.defineProperty(api, "runtime", { get: () => assert.fail("api.runtime throws in some registrations") });
  plugin.register(api);
});

test("a tool of another registration finds the engine: nothing hangs on the service", async () => {
  const engine = await FakeEngine.listen({ "GET /status": STATUS });
  const { tools } = registered({ pluginConfig: { port: engine.port, tokenFile: tokenFile() } });
  const answer = await tools.trade_status.execute("call", {});
  assert.equal(answer.details.trading_state, "active");
  assert.deepEqual(JSON.parse(answer.content[0].text), answer.details);
  await engine.close();
});

test("the service attaches, bridges, reports, and stops without ending what it did not start", async () => {
  const engine = await FakeEngine.listen({ "GET /status": STATUS });
  const health = { failures: [], cleared: 0, reportFailure(error) { this.failures.push(error.message); }, clearFailure() { this.cleared += 1; } };
  const { services, methods } = registered({ pluginConfig: { port: engine.port, tokenFile: tokenFile() } });
  const service = services["trading-engine"];
  assert.equal(service.start({ config: {}, stateDir: folder(), logger: console, serviceHealth: health }), undefined, "not to be waited for");
  await until(() => shared().engine.up);
  assert.equal(health.cleared, 1);
  const { ok, payload } = await call(methods["trade.status"]);
  assert.ok(ok);
  assert.deepEqual([payload.up, payload.managed, payload.status.trading_state], [true, false, "active"]);
  await service.stop();
  assert.equal(shared().engine.up, false);
  assert.equal((await call(methods["trade.status"])).payload.up, false);
  await engine.close();
});

test("the service says why it cannot start the engine", async () => {
  const health = { failures: [], reportFailure(error) { this.failures.push(error.message); }, clearFailure() {} };
  const empty = folder();
  const engine = await FakeEngine.listen();
  await engine.close(); // its port is free now
  const { services } = registered({ pluginConfig: { port: engine.port, projectDir: empty } });
  services["trading-engine"].start({ config: {}, stateDir: folder(), logger: { info() {}, warn() {} }, serviceHealth: health });
  await until(() => health.failures.length > 0);
  assert.match(health.failures[0], /There is no server\.py in/);
  await services["trading-engine"].stop();
});

function call({ handler }, params = {}) {
  return new Promise((done) => {
    handler({ params, respond: (ok, payload, error) => done({ ok, payload, error }) });
  });
}
