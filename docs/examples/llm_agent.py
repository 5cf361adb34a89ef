"""An agent that asks a language model: a server of its own, which the engine posts each view's summary to.

    LLM_URL=http://127.0.0.1:11434/v1/chat/completions LLM_MODEL=llama3 python docs/examples/llm_agent.py 9090

and in config/trading.json: {"agents": {"analyst": {"url": "http://127.0.0.1:9090/", "timeout_seconds": 30}}}
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASK = (
    "You are an equity analyst. For each stock: its return over the last 21 sessions and its headlines. Answer "
    'with JSON only: {"scores": {"TICKER": number from -1 (sell) to 1 (buy)}, "reasons": {"TICKER": "why"}}.\n'
)


def question(view):
    """Say in few words what the view's summary has."""
    lines = []
    for symbol, seen in view["symbols"].items():
        closes = [close for close in seen["close"][-22:] if close]
        change = f"{closes[-1] / closes[0] - 1:+.1%}" if len(closes) > 1 else "unknown"
        news = [item["text"] for item in view["headlines"] if symbol in item["symbols"]][:3]
        lines.append(f"{symbol}: {change}; {' | '.join(news) or 'no news'}")
    return ASK + "\n".join(lines)


def ask_model(text):
    """Ask a model behind the interface that OpenAI's, Ollama's and llama.cpp's servers share."""
    body = {"model": os.environ.get("LLM_MODEL", "llama3"), "messages": [{"role": "user", "content": text}]}
    headers = {"Content-Type": "application/json"}
    if os.environ.get("LLM_KEY"):
        headers["Authorization"] = f"Bearer {os.environ['LLM_KEY']}"
    asked = urllib.request.Request(os.environ["LLM_URL"], json.dumps(body | {"temperature": 0}).encode(), headers)
    with urllib.request.urlopen(asked, timeout=25) as answer:
        answered = json.load(answer)
    said = json.loads(answered["choices"][0]["message"]["content"])
    return {"scores": said["scores"], "reasons": said.get("reasons", {}), "model_id": answered.get("model", "")}


class Analyst(BaseHTTPRequestHandler):
    def do_POST(self):
        view = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status, answer = 200, ask_model(question(view))
        except Exception as error:  # the engine writes down that it abstained, and goes on
            status, answer = 502, {"error": str(error)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Analyst).serve_forever()
