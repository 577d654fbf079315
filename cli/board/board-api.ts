/**
 * What the board's page and its server say to each other. All times are ISO 8601 in UTC, all sizes bytes. Fields that are not known are
 * left out. Every text may hold text from outside: the page shows it as text and never as markup.
 *
 * Routes. All but the first need the cookie; each request needs the right `Host`, and everything under `/api/` also
 * `Sec-Fetch-Site: same-origin`, which browsers send by themselves. Everything that is not GET needs `Origin`, too, and with a JSON
 * body `Content-Type: application/json`. What is wrong in this gets 403 and an empty body. With `--read-only` so does every route that
 * is marked (rw).
 *
 * | Method and path | Request | Answer |
 * | --- | --- | --- |
 * | GET /?token=TOKEN | the address that the terminal prints | 303 to /, with the cookie; a token counts once |
 * | GET / and /PATH | | index.html and the other files of cli/board/page, by their paths there: /board.js, /board.css, ... |
 * | GET /vendor/preact.js, /vendor/hooks.js, /vendor/htm.js | | the modules `preact`, `preact/hooks` and `htm` (its default export); hooks.js imports ./preact.js |
 * | GET /api/events?client=ID | ID: 8 to 64 letters and digits, chosen by the page and kept while it is open, also over reconnects | {@link BoardEvents} as server-sent events |
 * | GET /api/builds?{@link BuildsQuery} | | {@link BuildsPage} |
 * | GET /api/build?id=ID | any name of a build that the tool takes | {@link BuildDetail} |
 * | POST /api/plan (rw) | {@link ActionRequest} | {@link Plan} |
 * | POST /api/do (rw) | {@link ConfirmedAction} | {@link Done}; 409 with {@link PlanChanged} |
 * | POST /api/uploads (rw) | {@link NewUpload} | {@link UploadState} |
 * | POST /api/uploads/ID/start (rw) | {@link StartUpload} | {@link UploadState} |
 * | POST /api/uploads/ID/stop (rw) | {} | {@link UploadState}; the parts that S3 has stay there |
 * | PUT /api/uploads/ID/slices/NUMBER (rw) | exactly the bytes that a {@link Need} names, as application/octet-stream; none for a check | 204 |
 * | DELETE /api/uploads/ID/slices/NUMBER (rw) | the page can't read these bytes: the file has changed | 204 |
 *
 * Every other answer that is no success has {@link ApiError} as its body: 400 for what makes no sense, 404, 409 where the world is not
 * (any more) such that it can be done, 413 for a body that is too large, 502 where AWS or Streampixel refuses.
 */

/** Server-sent events: the name of each, and what its `data` is as JSON. */
export interface BoardEvents {
  /**
   * The first one on each connection; with `npm start` as soon as the stack is up, which takes some seconds. Again once the stack was
   * deployed with other settings.
   */
  readonly hello: Hello;
  /** Everything on the start page. Sent at once after `hello` as soon as it is known, then each time that something in it has changed. */
  readonly summary: Summary;
  /** Builds that have changed since the last one: a page that shows one of them, or a list, reads it again. */
  readonly changed: {
    readonly builds: readonly string[] /** There are more than are named. */;
    readonly more: boolean;
  };
  /** AWS does not answer as it should: what is shown is old. `null`: it is over. */
  readonly trouble: ApiError['error'] | null;
  /** Every 10 s: when the ledger was last read; absent before the first time. */
  readonly alive: { readonly readAt?: string };
  /** An upload of this client has changed. At most four in a second for each upload. */
  readonly upload: UploadState;
  /** The server wants bytes of a file that was dropped on this client. Sent again after a reconnect while it is open. */
  readonly need: Need;
  /** The tool ends. The page says so and does not reconnect. */
  readonly end: Record<never, never>;
}

export interface Hello {
  /** Name of the stack, for the title; with that of the drop where it has one. */
  readonly stack: string;
  readonly region: string;
  /** The embedded stack of `npm start`. */
  readonly isLocal: boolean;
  /** No action is possible: the page shows none. */
  readonly readOnly: boolean;
  readonly version: string;
  readonly drop: Drop;
  /** Ids of the page's uploads. A board that was started again knows none of those that the page still shows. */
  readonly uploads: readonly string[];
}

/** Where builds can be dropped. */
export interface Drop {
  readonly bucket: string;
  readonly routes: readonly {
    readonly prefix: string;
    readonly projectId: string;
    readonly userId: string;
    readonly releaseMode: ReleaseMode;
    /** Continues "A build ...": `goes to viewers automatically, once approved`. */
    readonly afterwards: string;
  }[];
  /** The API key parameters, and what each is for. */
  readonly keys: readonly { readonly parameter: string; readonly userIds: readonly string[] }[];
}

export type ReleaseMode = 'automatic' | 'manual' | 'on-approval';

/** The status of a build, as in `status --json`. */
export type Status =
  | 'waiting'
  | 'under-way'
  | 'stuck'
  | 'no-webhook-yet'
  | 'live'
  | 'was-live'
  | 'waits-for-person'
  | 'waits-for-release'
  | 'release-failed'
  | 'superseded'
  | 'released'
  | 'rejected'
  | 'skipped'
  | 'dead-lettered'
  | 'discarded';

/** How a status looks: `active` changes by itself, `attention` waits for a person, `bad` failed, `quiet` is over. */
export type Tone = 'active' | 'good' | 'attention' | 'bad' | 'quiet';

/** A list of which the first ones are named. */
export interface Some<Item> {
  /** How many there are. */
  readonly count: number;
  /** The first ones, at most 20. */
  readonly items: readonly Item[];
}

/** The start page. Its size does not grow with the number of builds. */
export interface Summary {
  readonly projects: readonly ProjectRow[];
  /** Builds that wait for their slot, one lane for each Streampixel user. */
  readonly lanes: readonly Lane[];
  /** Events of S3 that the pipeline has not processed yet, by SQS's estimate. */
  readonly unread: number;
  /** Builds that Streampixel works on, oldest first. Late and stuck ones are marked. */
  readonly atStreampixel: Some<BuildRow>;
  /** What failed, the largest group first. */
  readonly failed: readonly FailedGroup[];
  /** Messages in the dead-letter queue by SQS's estimate; `hidden`: another command reads them right now. */
  readonly deadLetters: { readonly waiting: number; readonly hidden: number };
  /** Approved builds that a person has to release, newest first. */
  readonly waitsForPerson: Some<BuildRow>;
  /** What else a person should do something about, such as a project without a webhook. */
  readonly notices: readonly Notice[];
  /** What finished last, newest first. */
  readonly finished: readonly BuildRow[];
  /** Builds that changed within the last day, by state. */
  readonly lastDay: readonly { readonly state: string; readonly count: number }[];
}

export interface Notice {
  readonly text: string;
  /** For a terminal. */
  readonly command?: string;
}

/** What viewers of a project get. */
export interface ProjectRow {
  readonly projectId: string;
  /** On the dashboard of Streampixel. Absent on the embedded stack. */
  readonly dashboardUrl?: string;
  /** Absent where nothing is known to be live. */
  readonly live?: LiveUpload & { readonly labels?: Labels };
  /** What "roll back" puts live. */
  readonly previous?: LiveUpload;
  /** What was live before, newest first, at most 10. */
  readonly before: readonly LiveUpload[];
  /** Whether "roll back" can be asked for. */
  readonly canGoBack: boolean;
}

export interface LiveUpload {
  /** Id of the build; absent for an upload that did not come from this pipeline. */
  readonly build?: string;
  readonly key?: string;
  readonly uploadId: string;
  readonly since: string;
  /** Absent for what is live now. */
  readonly until?: string;
  readonly by: 'approval' | 'person' | 'streampixel';
  readonly requestedBy?: string;
  /** The two above in words: `by alice`, `by its approval`. */
  readonly byText: string;
}

export type Labels = Readonly<Record<string, string>>;

export interface Lane {
  readonly userId: string;
  /** Seconds between two uploads. */
  readonly intervalSeconds: number;
  /** In the order of their slots. */
  readonly builds: Some<BuildRow>;
  readonly lastSlot?: string;
}

/** A build in a list. */
export interface BuildRow {
  /** Its id: pass it to `/api/build` and to actions. */
  readonly id: string;
  /** Its key and a short version, for people. */
  readonly name: string;
  readonly key: string;
  readonly projectId?: string;
  readonly userId?: string;
  readonly status: Status;
  /** The status in words, without times: `waiting for its slot`. */
  readonly statusText: string;
  readonly tone: Tone;
  readonly labels?: Labels;
  readonly size?: number;
  readonly uploadId?: string;
  readonly droppedAt: string;
  readonly changedAt: string;
  /** When it may be submitted. Absent where it has no slot yet. */
  readonly slot?: string;
  /** When its requested release may be sent. */
  readonly releaseSlot?: string;
  /** When it is expected to be approved, by how long the project's last builds took; absent where none is known. */
  readonly expectedAt?: string;
  readonly submittedAt?: string;
  /** The furthest stage at Streampixel. */
  readonly stage?: string;
  /** From the drop to where it is now. The last one has no `tookSeconds` while it goes on. */
  readonly timeline: readonly TimelineStep[];
  /** Longer at Streampixel than usual, since then. */
  readonly lateAt?: string;
  /** No webhook for too long, since then. */
  readonly stuckAt?: string;
  /** The last webhook about it; absent before the first one. */
  readonly lastNewsAt?: string;
  /** Why it failed, waits or was skipped: reason, detail, Streampixel's message. One line. */
  readonly problem?: string;
  /** Warnings of the check of its package. */
  readonly warningCount: number;
  /** What can be asked for. Empty with `--read-only`. */
  readonly actions: readonly BuildAction[];
}

export interface TimelineStep {
  /** `dropped`, `waiting`, `submitted`, `released`, `skipped`, `dead-lettered`, or a stage at Streampixel. */
  readonly step: string;
  readonly at: string;
  readonly tookSeconds?: number;
}

/** `submit`: of a build that Streampixel does not have; `submit-again`: of one that it has had. */
export type BuildAction = 'release' | 'redrive' | 'discard' | 'submit' | 'submit-again';

export interface FailedGroup {
  readonly kind: 'dead-lettered' | 'rejected' | 'release-failed' | 'stuck' | 'unexplained';
  /** The reason's code for `dead-lettered`, such as InvalidApiKey; else the kind. With `kind` it is unique. */
  readonly reason: string;
  readonly title: string;
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
  /** For a terminal: what queues these builds again, or deletes them. */
  readonly command?: string;
  readonly builds: Some<BuildRow>;
  /** What can be asked for the whole group, the likely remedy first. Empty with `--read-only`. */
  readonly actions: readonly ('redrive' | 'discard' | 'store-key')[];
  /** For `store-key`: the parameters of the group's builds. */
  readonly parameters: readonly string[];
}

/** Query of `/api/builds`; all are optional. */
export interface BuildsQuery {
  /** Any part of a key, an id, an `s3://` address, an upload id, a label's value or `name=value`; capitals do not matter. */
  readonly q?: string;
  readonly status?: Status;
  readonly project?: string;
  /** 1 to 100. Default: 50. */
  readonly limit?: string;
  /** `next` of the page before, with the same other parameters. */
  readonly from?: string;
}

/** Newest change first. */
export interface BuildsPage {
  readonly builds: readonly BuildRow[];
  /** Absent on the last page. */
  readonly next?: string;
}

/** A build's own page. */
export interface BuildDetail {
  readonly row: BuildRow;
  /** The status as a sentence, as the tool prints it. */
  readonly statusSentence: string;
  /** Label and value, in the order of the tool's page: size, project, download, package facts ... */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
  /** How it differs from what viewers have now, where that may be a mistake. */
  readonly differences: readonly string[];
  readonly history: readonly { readonly at: string; readonly state: string; readonly note?: string }[];
  readonly advice?: {
    readonly act: string /** Before the command, such as "Then run". */;
    readonly when?: string;
    readonly command?: string;
  };
  /** Log, object and queue in the AWS console, project on the dashboard of Streampixel. On the embedded stack there are none. */
  readonly links: readonly { readonly title: string; readonly url: string }[];
  /** Earlier uploads that can be released instead: pass one as `uploadId`. */
  readonly formerUploadIds: readonly string[];
  /** The command that shows the same in a terminal. */
  readonly command: string;
}

/** What a person asks for. Ids are those of {@link BuildRow}. */
export type ActionRequest =
  | { readonly action: 'release'; readonly build: string; readonly uploadId?: string }
  /** Back to what was live before. */
  | { readonly action: 'roll-back'; readonly projectId: string }
  | ({ readonly action: 'redrive' } & DeadLetterSelection)
  | ({ readonly action: 'discard' } & DeadLetterSelection)
  /** `again` as for `submit-again`; `check: false` submits it whatever the check of its package says. */
  | { readonly action: 'submit'; readonly build: string; readonly again?: boolean; readonly check?: boolean }
  /** The plan asks Streampixel about the key. `force` stores it although Streampixel refuses it. */
  | { readonly action: 'store-key'; readonly parameter: string; readonly key: string; readonly force?: boolean };

/** Dead letters of these builds, or of a reason (`none`: without one), or all. */
export interface DeadLetterSelection {
  readonly builds?: readonly string[];
  readonly reason?: string;
}

/** What will happen. Nothing has happened yet. */
export interface Plan {
  readonly title: string;
  /** As the tool's plan says it. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
  /** Nothing would change: there is nothing to confirm. */
  readonly isEmpty: boolean;
  /** For the button: `Put it live`. */
  readonly verb: string;
  /** It can't be undone, or viewers see it: the button looks like it. */
  readonly isGrave: boolean;
  /** The command that does the same in a terminal, where there is one. */
  readonly command?: string;
  /** Pass it to `/api/do`, unchanged: it stands for what this plan says. */
  readonly confirm: string;
}

/** The request of the plan and the plan's `confirm`. It is done only while the plan would still be the same. */
export interface ConfirmedAction {
  readonly request: ActionRequest;
  readonly confirm: string;
}

export interface Done {
  /** What was done, as the tool says it. */
  readonly lines: readonly string[];
  /** Not all of it could be done: `lines` says what. */
  readonly isPartial: boolean;
}

/** With status 409: the world has changed since the plan. Nothing was done; show the new plan and ask again. */
export interface PlanChanged extends ApiError {
  readonly plan: Plan;
}

export interface ApiError {
  readonly error: {
    /** Stable, such as UnknownBuild, PlanChanged. */
    readonly code: string;
    readonly message: string;
    /** What to do, maybe in several lines, maybe with a command. */
    readonly remedy: string;
  };
}

/** A zip or a folder that was dropped on the page. The server judges it first: it asks for the bytes that it needs for that. */
export interface NewUpload {
  /** That of the page's `/api/events`: the client that has the files. */
  readonly client: string;
  readonly kind: 'zip' | 'folder';
  /** Of the zip or of the folder. */
  readonly name: string;
  /** For a zip exactly one. */
  readonly files: readonly {
    /** In the folder, with `/`, without the folder's own name; for a zip its name. */
    readonly path: string;
    readonly size: number;
  }[];
}

export interface StartUpload {
  /** One of {@link Drop}'s prefixes. */
  readonly route?: string;
  /** The whole key; default: the route's prefix and {@link UploadState.fileName}. */
  readonly key?: string;
  /** Each as `name=value`. */
  readonly labels?: readonly string[];
}

/** `stopped`: by a person, or because the page was closed. What S3 has stays: dropping the same files again resumes. */
export interface UploadState {
  readonly id: string;
  readonly state: 'judging' | 'refused' | 'ready' | 'uploading' | 'stopped' | 'failed' | 'done';
  readonly name: string;
  /** Of the zip. */
  readonly fileName?: string;
  readonly size?: number;
  /** From `ready` and `refused` on: what the check of the package says. */
  readonly verdict?: {
    /** Not empty for `refused`. */
    readonly refusals: readonly { readonly code: string; readonly text: string }[];
    readonly warnings: readonly { readonly code: string; readonly text: string }[];
    /** Label and value. */
    readonly facts: readonly (readonly [string, string])[];
  };
  /** What else to know, such as files that are left out. */
  readonly notes: readonly string[];
  /** From `uploading` on. */
  readonly key?: string;
  readonly labels?: Labels;
  /** Bytes that S3 has. */
  readonly uploaded?: number;
  /** How many of them an earlier run has uploaded. */
  readonly resumed?: number;
  /** Bytes per second, and seconds left; absent while they are not known. */
  readonly speed?: number;
  readonly secondsLeft?: number;
  /** For `done`: the build. Its row appears once the pipeline has seen it. */
  readonly build?: string;
  /** For `failed` and `stopped`. */
  readonly error?: ApiError['error'];
}

/** Bytes that the server wants: answer with PUT or DELETE on `/api/uploads/ID/slices/NUMBER`. */
export type Need = {
  readonly upload: string;
  readonly number: number;
} & (
  | {
      readonly kind: 'bytes';
      /** Index in {@link NewUpload.files}. */
      readonly file: number;
      readonly from: number;
      /** Exclusive. At most 8 MiB behind `from`. */
      readonly to: number;
    }
  /** Read the first byte of each file, or its size where it is empty: PUT without a body if all can be read, else DELETE. */
  | { readonly kind: 'check' }
);
