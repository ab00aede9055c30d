// Create, read, update and delete with acknowledgements: a list of things to do that all clients share. Payloads are
// checked before they are believed, whatever their types say: a client can send anything.

import { Server, type Socket } from "holdfast";

const TITLE_LENGTH_MAX = 256;
const TODOS_MAX = 1_000;

interface Todo {
  id: string;
  title: string;
  completed: boolean;
}

interface Problem {
  path: string;
  message: string;
}

type Response<T> = { data: T } | { error: string; errorDetails?: Problem[] };

interface ClientEvents {
  "todo:list": (answer: (response: Response<Todo[]>) => void) => void;
  "todo:create": (todo: Omit<Todo, "id">, answer: (response: Response<string>) => void) => void;
  "todo:read": (id: string, answer: (response: Response<Todo>) => void) => void;
  "todo:update": (todo: Todo, answer: (response?: Response<void>) => void) => void;
  "todo:delete": (id: string, answer: (response?: Response<void>) => void) => void;
}

interface ServerEvents {
  "todo:created": (todo: Todo) => void;
  "todo:updated": (todo: Todo) => void;
  "todo:deleted": (id: string) => void;
}

const NOT_FOUND = { error: "entity not found" };
const INVALID = "invalid payload";

const todos = new Map<string, Todo>();
let lastId = 0;

const io = new Server<ClientEvents, ServerEvents>();

io.on("connection", (socket: Socket<ClientEvents, ServerEvents>) => {
  socket.on("todo:list", (answer) => answer({ data: [...todos.values()] }));

  socket.on("todo:create", (payload, answer) => {
    const errorDetails = problems(payload);
    if (errorDetails.length > 0) return answer({ error: INVALID, errorDetails });
    if (todos.size >= TODOS_MAX) return answer({ error: `${TODOS_MAX} are enough` });
    lastId += 1;
    const todo = { id: `todo-${lastId}`, title: payload.title, completed: payload.completed };
    todos.set(todo.id, todo);
    answer({ data: todo.id });
    socket.broadcast.emit("todo:created", todo);
  });

  socket.on("todo:read", (id, answer) => {
    const todo = todos.get(id);
    answer(todo ? { data: todo } : NOT_FOUND);
  });

  socket.on("todo:update", (payload, answer) => {
    const errorDetails = problems(payload);
    if (errorDetails.length > 0) return answer({ error: INVALID, errorDetails });
    const todo = { id: payload.id, title: payload.title, completed: payload.completed };
    if (!todos.has(todo.id)) return answer(NOT_FOUND);
    todos.set(todo.id, todo);
    answer();
    socket.broadcast.emit("todo:updated", todo);
  });

  socket.on("todo:delete", (id, answer) => {
    if (!todos.delete(id)) return answer(NOT_FOUND);
    answer();
    socket.broadcast.emit("todo:deleted", id);
  });
});

/** What is wrong with a payload, all of it. */
function problems(payload: unknown): Problem[] {
  const { title, completed } = (payload ?? {}) as Partial<Todo>;
  const found: Problem[] = [];
  if (typeof title !== "string" || title === "") found.push({ path: "title", message: "text is needed" });
  else if (title.length > TITLE_LENGTH_MAX) found.push({ path: "title", message: `at most ${TITLE_LENGTH_MAX} characters` });
  if (typeof completed !== "boolean") found.push({ path: "completed", message: "true or false is needed" });
  return found;
}
