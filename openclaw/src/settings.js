/** What the plugin's configuration means: every path absolute, every default filled in. */

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const PLUGIN_ID = "trading-engine";
export const HOST = "127.0.0.1";
const PORT = 8787;
const READY_TIMEOUT_MS = 60_000;
const PLUGIN_DIR = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * @param {Record<string, unknown>} config `plugins.entries.trading-engine.config`, checked against the schema
 * @param {{ stateDir: string, exists?: (path: string) => boolean }} host the gateway's state folder
 */
export function readSettings(config, { stateDir, exists = existsSync }) {
  const folder = join(stateDir, PLUGIN_ID);
  const projectDir = resolve(config.projectDir ?? dirname(PLUGIN_DIR));
  const port = config.port ?? PORT;
  return Object.freeze({
    manage: config.manage ?? true,
    projectDir,
    python: config.python ?? findPython(projectDir, exists),
    port,
    baseUrl: `http://${HOST}:${port}`,
    engineStateDir: config.stateDir ? resolve(config.stateDir) : null,
    folder,
    tokenFile: resolve(config.tokenFile ?? join(folder, "token")),
    logFile: join(folder, "engine.log"),
    readyTimeoutMs: config.readyTimeoutMs ?? READY_TIMEOUT_MS,
  });
}

/** Say why these settings cannot start an engine; empty when they can. */
export function startFault(settings, exists = existsSync) {
  if (!exists(join(settings.projectDir, "server.py"))) {
    return `There is no server.py in ${settings.projectDir}: set plugins.entries.${PLUGIN_ID}.config.projectDir.`;
  }
  if (settings.python === null || !exists(settings.python)) {
    const looked = settings.python ?? `${settings.projectDir}/.venv and /venv`;
    return `There is no Python at ${looked}: run 'make run' once there, or set plugins.entries.${PLUGIN_ID}.config.python.`;
  }
  return "";
}

function findPython(projectDir, exists) {
  const tail = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"];
  const found = [".venv", "venv"].map((name) => join(projectDir, name, ...tail)).find((path) => exists(path));
  return found ?? null;
}
