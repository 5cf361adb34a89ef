/** What the engine's process may see: the contract's variables and what a process needs; nothing of the gateway's. */

const SYSTEM = [
  "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE",
  "LOCALAPPDATA", "APPDATA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
  "OMP_NUM_THREADS", "HF_HOME", "FINBERT_PATH",
];
const CONTRACT = [
  "ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_PAPER", "LIVE_TRADING", "ENABLE_CRON", "DATA_PROVIDER",
  "STATE_DIR", "NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD",
];

/** Pick from the gateway's own variables and add what the plugin decides. */
export function childEnvironment(variables, settings, token, host) {
  const kept = [...SYSTEM, ...CONTRACT].filter((name) => variables[name] !== undefined);
  return {
    ...Object.fromEntries(kept.map((name) => [name, variables[name]])),
    ...(settings.engineStateDir ? { STATE_DIR: settings.engineStateDir } : {}),
    PYTHONUNBUFFERED: "1",
    TRADING_HOST: host,
    TRADING_PORT: String(settings.port),
    TRADING_API_TOKEN: token,
    TRADING_LEAVE_WITH_STDIN: "true",
  };
}
