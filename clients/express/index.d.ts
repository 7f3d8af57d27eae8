import type { RequestHandler } from "express";
import type { AwsCredentialIdentity, Provider } from "@smithy/types";
import session = require("express-session");

declare module "express-session" {
  interface Session {
    /** The same session under another token, once the page has ended: whenever rights change. */
    rotate(callback?: (error: unknown) => void): this;
  }
}

/** express-session's middleware over Sojourn's HTTP API. */
declare function sojourn(options: sojourn.Options): RequestHandler;

declare namespace sojourn {
  interface ApiOptions {
    /** The stack's `ApiUrl`; `SOJOURN_API_URL` otherwise. */
    url?: string;
    /** Of the API; `AWS_REGION` otherwise. */
    region?: string;
    /** Those of the environment otherwise, as every AWS client finds them. */
    credentials?: AwsCredentialIdentity | Provider<AwsCredentialIdentity>;
    /** Milliseconds that a call may take, its whole answer included: 10,000 unless given. */
    timeout?: number;
    /** Whose the session is: a key of it, or a function of what is in it. */
    subject?: string | ((data: Readonly<Record<string, any>>) => string | number | null | undefined);
    /** An older store, whose sessions move in as their visitors come. */
    former?: session.Store;
    /** Takes the sentence about what is dropped; `console.warn` unless given. No token is in it. */
    log?: (message: string) => void;
  }

  /** Those of express-session but for `genid`: the ids of sessions are Sojourn's. */
  interface Options extends Omit<session.SessionOptions, "genid" | "store">, ApiOptions {
    /** One that another middleware shares; then the options of the API are the store's. */
    store?: SojournStore;
  }

  /** What `sojourn` gives to express-session. `all`, `length` and `clear` are not there: no route shows all sessions. */
  class SojournStore extends session.Store {
    #private;

    constructor(options?: ApiOptions);
    get(sid: string, callback: (error: unknown, session?: session.SessionData | null) => void): void;
    set(sid: string, session: session.SessionData, callback?: (error?: unknown) => void): void;
    destroy(sid: string, callback?: (error?: unknown) => void): void;
  }

  /** The API did not answer, or refused: no session is empty because of that. A 503; a 500 for what it never takes. */
  class Unavailable extends Error {
    readonly status: number;
    readonly statusCode: number;
  }

  /** A faster request, a login say, replaced the token. A 409; it succeeds when it is repeated. */
  class Superseded extends Error {
    readonly status: 409;
    readonly statusCode: 409;
  }
}

export = sojourn;
