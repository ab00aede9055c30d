// The table of behaviours: every row is a script for clients, run against every server; its trace has to be the
// reference's. Used by run.mjs.
//
// A row is [name, async (script) => …, { configuration }].

import acks from "./rows/acks.mjs";
import audiences from "./rows/audiences.mjs";
import connection from "./rows/connection.mjs";
import departures from "./rows/departures.mjs";
import dynamic from "./rows/dynamic.mjs";
import events from "./rows/events.mjs";
import listeners from "./rows/listeners.mjs";
import middlewares from "./rows/middlewares.mjs";
import recovery from "./rows/recovery.mjs";
import rooms from "./rows/rooms.mjs";

const sections = { connection, middlewares, events, acks, listeners, rooms, audiences, departures, dynamic, recovery };

export const TABLE = Object.entries(sections).flatMap(([section, rows]) =>
  rows.map(([name, run, { configuration = "plain" } = {}]) => ({ name: `${section}: ${name}`, run, configuration })),
);
