// Express with express-session and connect-dynamodb, as their READMEs set them up.
import { createRequire } from "node:module";

// The packages are in the folder where the program is started.
const require = createRequire(process.cwd() + "/");
const express = require("express");
const session = require("express-session");
const DynamoDBStore = require("connect-dynamodb")(session);

const store = new DynamoDBStore({ table: "express-sessions" });
if (process.env.FIRST === "1") await store.initialize();

const app = express();
app.use(session({ store, secret: "keyboard cat", resave: false, saveUninitialized: false }));

const shown = (request) => ({ user: request.session.user, a: request.session.a, b: request.session.b });

app.get("/empty", (request, response) => {
  const { user, system } = process.cpuUsage();
  response.json({ cpu: (user + system) / 1e6 });
});
app.get("/read", (request, response) => response.json(shown(request)));
app.post("/put", express.json({ limit: "2mb" }), (request, response) => {
  Object.assign(request.session, request.body);
  response.json({});
});
app.post("/login", (request, response, next) => {
  // As in the README's example of a login, with what the visitor had.
  const { cookie, ...kept } = request.session;
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, kept, { user: request.query.user });
    request.session.save((failed) => (failed ? next(failed) : response.json({})));
  });
});
app.post("/logout", (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.json({})));
});
app.post("/change", (request, response) => {
  request.session[request.query.key] = request.query.value;
  response.json({});
});
app.post("/slow", async (request, response) => {
  request.session[request.query.key] = request.query.value;
  await fetch(`${process.env.CONTROL_URL}/hold/${request.query.key}`);
  response.json({});
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
