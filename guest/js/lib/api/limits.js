// Every bound of the Socket.IO API, with its unit and what happens at it. Read by all of lib/api; depends on
// nothing. The same numbers as those of the Rust SDK (guest/sdk/src/limits.rs).

// Namespaces that a script declares (the contract's bound). Further ones are not served, with an error in the log.
export const NAMESPACES_MAX = 1024;

// Child namespaces of all dynamic ones together. One more does not come to be: its client is refused with
// `Invalid namespace`, `io.of` throws.
export const CHILD_NAMESPACES_MAX = 16384;

// Rooms that are counted for the adapter's events. Of further ones it is not told that they come to be and go, with
// an error in the log; joining and leaving is.
export const ROOMS_HEARD_MAX = 262144;

// `serverSideEmit` calls that await answers. One more is not sent: its callback hears an error.
export const SERVER_QUESTIONS_MAX = 4096;

// Milliseconds that `serverSideEmit` waits for all other instances. Then its callback hears an error and the answers
// until then.
export const SERVER_TIMEOUT_MS = 5000;

// Messages of the instance that await acknowledgements. One more is not sent: its callback hears an error.
export const ACKS_MAX = 65536;

// The same, of one socket.
export const ACKS_PER_SOCKET_MAX = 1024;

// `fetchSockets` calls under way. One more rejects.
export const FETCHES_MAX = 4096;

// Milliseconds that `fetchSockets` waits for all shards. Then it gives what it has, with a warning in the log.
export const FETCH_TIMEOUT_MS = 5000;

// Bytes of a socket's `data` as JSON (the protocol guest's bound). Of longer data the others see what was set before,
// with an error in the log.
export const SOCKET_DATA_BYTES_MAX = 64 * 1024;

// Rooms of one socket, its own id not counted, and bytes of a room's name (the protocol guest's bounds). The node does
// not let it join further ones, and `socket.rooms` does not list them.
export const ROOMS_PER_SOCKET_MAX = 4096;
export const ROOM_BYTES_MAX = 1024;

// Messages that are kept for a socket whose namespace is still being asked for after a restart. Further ones are
// dropped, with a warning in the log.
export const HELD_MESSAGES_MAX = 256;

// Milliseconds until a socket that no namespace takes after a restart is disconnected.
export const HELD_MS = 1000;

// Characters of an event's name that a log line quotes, because clients choose them. The rest is cut off.
export const QUOTED_CHARS_MAX = 64;
