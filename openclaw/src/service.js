/** The gateway's service: brings the engine up and bridges its events; both end with the gateway. */

import { Bridge } from "./bridge.js";
import { childEnvironment } from "./child_environment.js";
import { EngineClient } from "./client.js";
import { declareJobs } from "./jobs.js";
import { startProcess } from "./process.js";
import { HOST, PLUGIN_ID, readSettings, startFault } from "./settings.js";
import { down, shared } from "./shared.js";
import { Supervisor } from "./supervisor.js";
import { ensureToken, readToken } from "./token.js";

const SCOPE = "operator.read";

/**
 * @param {{ config: () => Record<string, unknown>, variables: NodeJS.ProcessEnv, connect?: Function,
 *           startProcess?: typeof startProcess, fetch?: typeof fetch, timing?: object }} parts
 */
export function createService(parts) {
  let current = null;
  return {
    id: PLUGIN_ID,
    start(ctx) {
      current = new Running(ctx, parts);
      current.start();
    },
    async stop() {
      const ending = current;
      current = null;
      await ending?.stop();
    },
  };
}

class Running {
  #bridge = null;

  constructor(ctx, parts) {
    this.ctx = ctx;
    this.parts = parts;
    this.settings = readSettings(parts.config(ctx), { stateDir: ctx.stateDir });
    this.client = new EngineClient({
      baseUrl: this.settings.baseUrl,
      token: () => readToken(this.settings.tokenFile),
      fetch: parts.fetch,
    });
    this.supervisor = new Supervisor({
      settings: this.settings,
      client: this.client,
      startEngine: () => this.#startEngine(),
      log: ctx.logger,
      report: { failure: (text) => this.#failed(text), clear: () => ctx.serviceHealth?.clearFailure() },
      onUp: (facts) => this.#up(facts),
      onDown: () => this.#down(),
      timing: parts.timing,
    });
  }

  start() {
    shared().engine = down();
    this.supervisor.start();
    this.#declareJobs();
  }

  async stop() {
    shared().cron = null;
    await Promise.all([this.#bridge?.stop(), this.supervisor.stop()]);
    this.#bridge = null;
    shared().engine = down();
  }

  #startEngine() {
    const { settings, parts } = this;
    const fault = startFault(settings);
    if (fault) throw new Error(fault);
    return (parts.startProcess ?? startProcess)({
      command: settings.python,
      args: ["server.py"],
      cwd: settings.projectDir,
      env: childEnvironment(parts.variables, settings, ensureToken(settings.tokenFile), HOST),
      logFile: settings.logFile,
    });
  }

  #up({ managed, pid }) {
    shared().engine = { up: true, managed, pid, failure: "" };
    const { gatewayEvents, logger } = this.ctx;
    if (!gatewayEvents) return;
    const emit = (name, payload) => gatewayEvents.emit(name, payload, { scope: SCOPE });
    this.#bridge ??= new Bridge({ client: this.client, emit, log: logger, connect: this.parts.connect });
    this.#bridge.start();
  }

  #down() {
    shared().engine = down(shared().engine.failure);
    const bridge = this.#bridge;
    this.#bridge = null;
    bridge?.stop();
  }

  #failed(text) {
    shared().engine = down(text);
    this.ctx.serviceHealth?.reportFailure(new Error(text));
  }

  async #declareJobs() {
    const cron = this.ctx.getCron?.() ?? null;
    shared().cron = cron;
    if (!cron) return;
    try {
      await declareJobs(cron, this.settings);
    } catch (error) {
      this.ctx.logger.warn(`trading-engine: the jobs could not be declared: ${error.message}`);
    }
  }
}
