// Listens to /ws/stream; comes back by itself and asks for what it missed.

import { ask, token } from "./ask.js";

const RECENT = 500; // so many events of before the page was opened are asked for
const PING_MS = 15_000, SILENCE_MS = 40_000, RETRY_MS_MIN = 500, RETRY_MS_MAX = 15_000;

/** Call `heard(event, old)` for each event, `changed(words)` when the connection changes, `missed(count)` for losses; old are those of before the page was opened. */
export async function listen({ heard, changed, missed }) {
  const opened = await ask("/ws/status").then(({ sequence }) => sequence, () => 0);
  let last = Math.max(0, opened - RECENT), before = opened, retry = RETRY_MS_MIN, alive = 0, socket = null;

  const connect = () => {
    const address = `${location.protocol.replace("http", "ws")}//${location.host}/ws/stream`;
    const encoded = btoa(token()).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    socket = new WebSocket(address, token() ? ["trading-engine", `bearer.${encoded}`] : []);
    socket.onopen = () => {
      retry = RETRY_MS_MIN;
      alive = Date.now();
      socket.send(JSON.stringify({ action: "subscribe", topics: ["*"], since: last }));
      changed("connected");
    };
    socket.onmessage = ({ data }) => {
      alive = Date.now();
      const message = JSON.parse(data);
      if (message.type === "dropped") missed(message.count);
      else if (message.data) {
        last = message.seq;
        heard(message, message.seq <= before);
      } else if (message.type === "pong" && message.seq < last) last = before = 0; // the daemon began anew
    };
    socket.onclose = () => {
      before = 0;
      changed("offline, trying again");
      setTimeout(connect, retry);
      retry = Math.min(2 * retry, RETRY_MS_MAX);
    };
  };

  setInterval(() => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - alive > SILENCE_MS) socket.close();
    else socket.send('{"action":"ping"}');
  }, PING_MS);
  connect();
}
