//! Create, read, update and delete with acknowledgements: a list of things to do that all clients share.
//! Payloads are checked before they are believed: a client can send anything. The same as `app.ts` beside it.

use holdfast_sdk::serde::{self, Serialize};
use holdfast_sdk::{Ack, Io, Socket, Value, json};
use std::cell::RefCell;
use std::rc::Rc;

const TITLE_LENGTH_MAX: usize = 256;
const TODOS_MAX: usize = 1_000;

const NOT_FOUND: &str = "entity not found";
const INVALID: &str = "invalid payload";

#[derive(Clone, Serialize)]
#[serde(crate = "serde")]
struct Todo {
    id: String,
    title: String,
    completed: bool,
}

/// The list, in the order of creation.
#[derive(Default)]
struct Todos {
    list: Vec<Todo>,
    last_id: u64,
}

impl Todos {
    fn find(&mut self, id: &str) -> Option<&mut Todo> {
        self.list.iter_mut().find(|todo| todo.id == id)
    }
}

holdfast_sdk::app!(app);

fn app(io: &Io) {
    let todos = Rc::new(RefCell::new(Todos::default()));
    io.on_connection(move |socket| {
        let list = Rc::clone(&todos);
        socket.on("todo:list", move |ack: Ack| {
            ack.send(json!({ "data": list.borrow().list }));
        });
        let list = Rc::clone(&todos);
        socket.on(
            "todo:create",
            move |socket: &Socket, payload: Value, ack: Ack| {
                create(socket, &mut list.borrow_mut(), &payload, ack);
            },
        );
        let list = Rc::clone(&todos);
        socket.on("todo:read", move |id: Value, ack: Ack| {
            match id
                .as_str()
                .and_then(|id| list.borrow_mut().find(id).cloned())
            {
                Some(todo) => ack.send(json!({ "data": todo })),
                None => ack.send(json!({ "error": NOT_FOUND })),
            }
        });
        let list = Rc::clone(&todos);
        socket.on(
            "todo:update",
            move |socket: &Socket, payload: Value, ack: Ack| {
                update(socket, &mut list.borrow_mut(), &payload, ack);
            },
        );
        let list = Rc::clone(&todos);
        socket.on(
            "todo:delete",
            move |socket: &Socket, id: Value, ack: Ack| {
                let list = &mut list.borrow_mut().list;
                let Some(at) = list
                    .iter()
                    .position(|todo| Some(todo.id.as_str()) == id.as_str())
                else {
                    return ack.send(json!({ "error": NOT_FOUND }));
                };
                let todo = list.remove(at);
                ack.send(());
                socket.broadcast().emit("todo:deleted", todo.id);
            },
        );
    });
}

fn create(socket: &Socket, todos: &mut Todos, payload: &Value, ack: Ack) {
    let (title, completed) = match checked(payload) {
        Ok(checked) => checked,
        Err(error) => return ack.send(error),
    };
    if todos.list.len() >= TODOS_MAX {
        return ack.send(json!({ "error": format!("{TODOS_MAX} are enough") }));
    }
    todos.last_id += 1;
    let id = format!("todo-{}", todos.last_id);
    let todo = Todo {
        id,
        title,
        completed,
    };
    todos.list.push(todo.clone());
    ack.send(json!({ "data": todo.id }));
    socket.broadcast().emit("todo:created", todo);
}

fn update(socket: &Socket, todos: &mut Todos, payload: &Value, ack: Ack) {
    let (title, completed) = match checked(payload) {
        Ok(checked) => checked,
        Err(error) => return ack.send(error),
    };
    let Some(todo) = payload["id"].as_str().and_then(|id| todos.find(id)) else {
        return ack.send(json!({ "error": NOT_FOUND }));
    };
    todo.title = title;
    todo.completed = completed;
    ack.send(());
    socket.broadcast().emit("todo:updated", &*todo);
}

/// A payload's title and whether it is completed, or all that is wrong with it.
fn checked(payload: &Value) -> Result<(String, bool), Value> {
    let mut problems = Vec::new();
    let mut wrong =
        |path: &str, message: String| problems.push(json!({ "path": path, "message": message }));
    let title = payload["title"].as_str().unwrap_or_default();
    if title.is_empty() {
        wrong("title", "text is needed".to_owned());
    } else if title.encode_utf16().count() > TITLE_LENGTH_MAX {
        wrong("title", format!("at most {TITLE_LENGTH_MAX} characters"));
    }
    let completed = payload["completed"].as_bool();
    if completed.is_none() {
        wrong("completed", "true or false is needed".to_owned());
    }
    match completed {
        Some(completed) if problems.is_empty() => Ok((title.to_owned(), completed)),
        _ => Err(json!({ "error": INVALID, "errorDetails": problems })),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_sdk::testing::Server;
    use holdfast_sdk::{Value, json};

    #[test]
    fn one_is_created_read_changed_and_deleted() {
        let server = Server::start(super::app);
        let (ann, bob) = (server.connect("/"), server.connect("/"));
        let created: Value = ann
            .call(
                "todo:create",
                json!({ "title": "milk", "completed": false }),
            )
            .unwrap();
        let id = created["data"].as_str().unwrap();
        let todo = json!({ "id": id, "title": "milk", "completed": false });
        assert_eq!(bob.received::<Value>("todo:created"), [todo.clone()]);
        assert_eq!(bob.call("todo:read", id), Some(json!({ "data": todo })));
        let changed = json!({ "id": id, "title": "milk", "completed": true });
        assert_eq!(bob.call("todo:update", &changed), Some(()));
        assert_eq!(ann.received::<Value>("todo:updated"), [changed]);
        assert_eq!(ann.call("todo:delete", id), Some(()));
        assert_eq!(bob.received::<String>("todo:deleted"), [id]);
        assert_eq!(ann.call("todo:list", ()), Some(json!({ "data": [] })));
    }

    #[test]
    fn payloads_are_checked() {
        let server = Server::start(super::app);
        let ann = server.connect("/");
        let call = |event, payload: Value| ann.call::<Value>(event, payload).unwrap();
        let answer = call("todo:create", json!({ "title": "" }));
        assert_eq!(answer["error"], "invalid payload");
        assert_eq!(answer["errorDetails"].as_array().unwrap().len(), 2);
        assert_eq!(
            call("todo:create", json!([1])),
            call("todo:create", json!("no object"))
        );
        let long = "x".repeat(257);
        let answer = call("todo:create", json!({ "title": long, "completed": true }));
        assert_eq!(answer["errorDetails"][0]["path"], "title");
        assert_eq!(
            call("todo:read", json!({})),
            json!({ "error": "entity not found" })
        );
        assert_eq!(
            call("todo:delete", json!("todo-7")),
            json!({ "error": "entity not found" })
        );
    }
}
