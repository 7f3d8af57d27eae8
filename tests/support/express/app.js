"use strict";

// An Express application on one port, for the tests of clients/express: node app.js PORT

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { setTimeout: pause } = require("node:timers/promises");

const folder = path.resolve(__dirname, "../../../clients/express");
const installed = createRequire(path.join(folder, "index.js"));
const express = installed("express");
const passport = installed("passport");
const sojourn = require(process.env.EXPRESS_CLIENT ?? folder);

const app = express();
app.set("trust proxy", true);
app.use((req, res, next) => {
  req.headers["x-forwarded-proto"] = "https"; // as a proxy in front of it would say
  next();
});
app.get("/static", (req, res) => res.send("no session needed"));
const secret = "none of the tests tells it";
app.use(
  (process.env.FORMER_ALONE ? alone : sojourn)({
    secret,
    subject: (data) => data.user ?? data.passport?.user,
    log: (message) => console.error(message),
    ...(process.env.FORMER_TABLE ? { former: formerStore() } : {}),
  }),
);

passport.serializeUser((user, done) => done(null, user.name));
passport.deserializeUser((name, done) => done(null, { name }));
app.use(passport.session());

/** The application as it was before it moved in. */
function alone({ secret, former: store }) {
  const options = { name: "__Host-session", resave: false, saveUninitialized: false, cookie: { secure: true } };
  return installed("express-session")({ ...options, secret, store });
}

function formerStore() {
  const DynamoDBStore = installed("connect-dynamodb")(installed("express-session"));
  const { DynamoDBClient } = installed("@aws-sdk/client-dynamodb");
  const client = new DynamoDBClient({ endpoint: process.env.FORMER_ENDPOINT });
  return new DynamoDBStore({ table: process.env.FORMER_TABLE, client });
}

function wait(req) {
  fs.writeFileSync(req.query.started, "");
  return (async () => {
    while (!fs.existsSync(req.query.go_on)) await pause(10);
  })();
}

const pages = {
  "/show": (req, res) => res.json({ ...req.session, cookie: undefined }),
  "/put/:name/:value": (req) => void (req.session[req.params.name] = req.params.value),
  "/drop/:name": (req) => void delete req.session[req.params.name],
  "/many": (req) => void (req.session.many = { at: new Date(0), $x: { $y: 1 }, list: [null, 1.5], none: null }),
  "/null/:name": (req) => void (req.session[req.params.name] = null),
  "/token": (req) => void (req.session.csrf = "of a form"),
  "/flash_it": (req) => void (req.session.flash = ["saved"]),
  "/renew": (req) => void req.session.rotate(),
  "/regenerate": (req, res, next) => req.session.regenerate((error) => (error ? next(error) : res.send("done"))),
  "/login/:name": (req, res, next) =>
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = req.params.name;
      req.session.save((error) => (error ? next(error) : res.send("done")));
    }),
  "/passport/login/:name": (req, res, next) =>
    req.logIn({ name: req.params.name }, (error) => (error ? next(error) : res.send("done"))),
  "/passport/logout": (req, res, next) => req.logout((error) => (error ? next(error) : res.send("done"))),
  "/passport/who": (req, res) => res.json(req.user?.name ?? null),
  "/logout": (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.send("done"))),
  "/remember/:name": (req) => {
    req.session.user = req.params.name;
    req.session.cookie.maxAge = 30 * 24 * 3_600_000;
  },
  "/slow/:name": async (req) => {
    req.session.late = req.params.name;
    await wait(req);
  },
  "/slow_login/:name": async (req) => {
    req.session.user = req.params.name;
    await wait(req);
  },
  "/slow_renew/:name": async (req) => {
    req.session.late = req.params.name;
    req.session.rotate();
    await wait(req);
  },
  "/stream": async (req, res) => {
    req.session.streamed = "1";
    for (const part of ["one ", "two "]) if (!res.write(part)) await new Promise((go) => res.once("drain", go));
    req.session.after = "2";
    res.end("three");
  },
  "/stream_login/:name": async (req, res) => {
    if (!res.write("one ")) await new Promise((go) => res.once("drain", go));
    req.session.user = req.params.name;
    res.end("two");
  },
  "/twice": async (req, res) => {
    req.session.twice = "1";
    res.json({ first: true });
    throw new Error("after the answer");
  },
  "/leave": (req, res) => {
    req.session = null;
    res.send("done");
  },
  "/breaks": () => {
    throw new Error("a bug");
  },
};
for (const [route, page] of Object.entries(pages)) {
  app.all(route, async (req, res, next) => {
    await page(req, res, next);
    if (page.length < 2) res.send("done");
  });
}
app.use((error, req, res, next) => {
  if (!error.status) console.error(error);
  res.status(error.status ?? 500).send(`${error.name}: ${error.message}`);
});

const server = app.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => {
  server.closeAllConnections();
  server.close(() => process.exit(0));
});
