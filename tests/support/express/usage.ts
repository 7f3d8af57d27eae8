import express from "express";
import session from "express-session";
import sojourn, { SojournStore, Superseded, Unavailable } from "connect-sojourn";

declare module "express-session" {
  interface SessionData {
    user?: string;
  }
}

const app = express();
app.use(sojourn({ secret: ["new", "old"], subject: "user", cookie: { maxAge: 1_000 }, former: new session.MemoryStore() }));
app.use(sojourn({ secret: "s", credentials: async () => ({ accessKeyId: "a", secretAccessKey: "b" }), subject: (data) => data.user }));
app.use(sojourn({ secret: "s", store: new SojournStore({ timeout: 500, log: (message: string) => void message }) }));
app.post("/", (req, res) => {
  req.session.user = "ada";
  req.session.rotate((error) => void error).touch();
  res.end();
});
const status: number = new Unavailable("away").status + new Superseded("late").status;

// @ts-expect-error the ids are Sojourn's
sojourn({ secret: "s", genid: () => "mine" });
// @ts-expect-error a secret is a text
sojourn({ secret: 1 });
// @ts-expect-error no such option
sojourn({ secret: "s", prefix: "sess:" });
// @ts-expect-error another store is a former one
sojourn({ secret: "s", store: new session.MemoryStore() });

export { app, status };
