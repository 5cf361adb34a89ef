/** The one place that starts a process: the engine's, from a fixed argument list and without a shell. */

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

const LOG_BYTES_MAX = 10 * 1024 * 1024;
const TAIL_BYTES = 2_000;

/**
 * Start the engine; it writes to its own log file, so that a dying gateway cannot break its last words.
 *
 * The pipe to its stdin is held open: when this process is gone, however it ended, the engine reads the end and
 * leaves. It leads a process group, so that its training children can be ended with it.
 *
 * @returns {{ pid: number | undefined, exited: Promise<{ code: number | null, signal: string | null }>,
 *             terminate: () => void, kill: () => void, lastWords: () => string }}
 */
export function startProcess({ command, args, cwd, env, logFile }) {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  rotate(logFile);
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", log, log], detached: process.platform !== "win32" });
  closeSync(log);
  child.stdin?.on("error", () => {}); // it left first: `exited` tells
  const exited = new Promise((done) => {
    child.once("exit", (code, signal) => done({ code, signal }));
    child.once("error", (error) => done({ code: null, signal: error.code ?? "error" }));
  });
  exited.then(() => signalGroup(child, "SIGKILL")); // a training child must not outlive a killed engine
  return {
    pid: child.pid,
    exited,
    terminate: () => (process.platform === "win32" ? child.stdin.end() : child.kill("SIGTERM")), // Windows only kills
    kill: () => signalGroup(child, "SIGKILL"),
    lastWords: () => tail(logFile),
  };
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH" && error.code !== "EPERM") throw error; // nobody of the group is left
  }
}

function rotate(path) {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
}

/** Give the last line of a file. */
export function tail(path) {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return "";
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const file = openSync(path, "r");
  try {
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
  } finally {
    closeSync(file);
  }
  return buffer.toString("utf8").trimEnd().split("\n").at(-1).slice(0, 300);
}
