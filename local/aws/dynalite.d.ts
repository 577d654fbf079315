/** dynalite brings no types; these are the parts in use. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface DynaliteOptions {
    /** ms that a table stays in CREATING; likewise below. */
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }
  /** The server need not listen: its `request` event takes requests that arrived elsewhere. */
  export default function dynalite(options?: DynaliteOptions): Server;
}
