//! One instance: a QuickJS with the library and a script in it. Called by `component`, or by tests.

use crate::bindings::app_guest::{Command, Context as Start, Happening};
use crate::bindings::types::{Level, Manifest};
use crate::deliver::{Hook, Hooks, deliver};
use crate::errors::{cut, describe, report};
use crate::limits::{
    FIRST_COLLECTION_BYTES, JOBS_MAX, MEMORY_RESERVED_SHARE, REJECTIONS_MAX, STACK_BYTES_MAX,
};
use crate::modules::{Finder, Modules, Opener, require_library};
use crate::natives::{is_exception, natives};
use crate::script::Script;
use crate::state::State;
use crate::values::text_of;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Context, Ctx, Error, Function, Module, Object, Persistent, Runtime, String as JsString, Value,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Promises that were rejected while nobody listened, with the reason, and how many were not remembered.
#[derive(Default)]
struct Rejections {
    waiting: RefCell<Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>>,
    more: Cell<usize>,
}

/// An app that is a script.
pub struct Engine {
    // Dropped in this order: what lives in QuickJS, its context, its runtime.
    hooks: Hooks,
    rejections: Rc<Rejections>,
    modules: Rc<Modules>,
    state: Rc<State>,
    context: Context,
    runtime: Runtime,
}

impl Engine {
    /// An engine with the library loaded, for any script. What this leaves in memory is part of the component
    /// as it is shipped, so that starting a script is all that a start takes.
    ///
    /// # Errors
    /// When the library does not load: a defect.
    pub fn prepare() -> Result<Self, String> {
        let modules = Rc::new(Modules::default());
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_max_stack_size(STACK_BYTES_MAX);
        runtime.set_loader(Finder(Rc::clone(&modules)), Opener(Rc::clone(&modules)));
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let state = Rc::new(State::new());
        let rejections = Rc::new(Rejections::default());
        watch(&runtime, &state, &rejections);
        state.budget.begin_call();
        state.budget.begin_event();
        let loaded = context.with(|ctx| {
            let loaded = load(&ctx, &state, &modules);
            loaded.map_err(|error| sentence(&ctx, &modules, &error))
        });
        let engine = Self {
            hooks: loaded?,
            rejections,
            modules,
            state,
            context,
            runtime,
        };
        engine.runtime.run_gc();
        engine.runtime.set_gc_threshold(FIRST_COLLECTION_BYTES);
        Ok(engine)
    }

    /// Starts the script that the host brings, once, and gives what it declares.
    ///
    /// # Errors
    /// A sentence for the operator: no script, one that does not parse, or one that throws.
    pub fn start(&self, mut start: Start) -> Result<Manifest, String> {
        let text = start.script.take().ok_or_else(|| {
            "it runs scripts and was given none: name one, `holdfast run app.ts`".to_owned()
        })?;
        let entry = self.modules.fill(Script::read(text)?);
        set_clock(start.now_ms.saturating_mul(1_000_000));
        let reserved = start.memory_bytes_max / MEMORY_RESERVED_SHARE;
        let memory = start.memory_bytes_max.saturating_sub(reserved);
        self.runtime
            .set_memory_limit(usize::try_from(memory).unwrap_or(usize::MAX));
        self.state.begin(&start);
        self.state.budget.begin_call();
        self.state.budget.begin_event();
        self.context.with(|ctx| {
            let told = tell_start(&ctx, &self.hooks, &start);
            told.map_err(|error| sentence(&ctx, &self.modules, &error))
        })?;
        self.run_script(&entry)
    }

    /// Everything that happened since the last call, and what is to be done about it.
    #[must_use]
    pub fn handle(&self, now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        self.state.now_ms.set(now_ms);
        set_clock(now_ms.saturating_mul(1_000_000));
        self.state.budget.begin_call();
        for happening in happened {
            self.state.budget.begin_event();
            self.context.with(|ctx| {
                if let Err(error) = deliver(&ctx, &self.hooks, &self.state, happening) {
                    self.tell(&ctx, &error);
                }
            });
            self.settle();
        }
        self.state.take_commands()
    }

    /// Runs the script's modules and asks what it declares.
    fn run_script(&self, entry: &str) -> Result<Manifest, String> {
        let sentence = |ctx: &Ctx<'_>, error: &Error| sentence(ctx, &self.modules, error);
        let running = self.context.with(|ctx| {
            let promise = Module::import(&ctx, entry).map_err(|error| sentence(&ctx, &error))?;
            Ok::<_, String>(Persistent::save(&ctx, promise))
        })?;
        self.run_jobs();
        if self.state.budget.take_interrupted() {
            return Err(format!(
                "{entry} runs without end: what it does at its top level took too long"
            ));
        }
        self.context.with(|ctx| {
            let promise = running.restore(&ctx).map_err(|error| sentence(&ctx, &error))?;
            match promise.state() {
                PromiseState::Resolved => Ok(()),
                PromiseState::Rejected => Err(match promise.result::<Value>() {
                    Some(Err(error)) => sentence(&ctx, &error),
                    _ => "it was rejected".to_owned(),
                }),
                PromiseState::Pending => Err(format!(
                    "{entry} waits at its top level for a timer, a request or a client: what waits belongs into a function"
                )),
            }
        })?;
        self.settle();
        self.context
            .with(|ctx| manifest(&ctx, &self.hooks).map_err(|error| sentence(&ctx, &error)))
    }

    /// Runs what promises made possible, then tells of rejections that nobody has handled.
    fn settle(&self) {
        self.run_jobs();
        if self.state.budget.take_interrupted() {
            self.context.with(|ctx| self.tell_interrupted(&ctx));
        }
        if self.rejections.waiting.borrow().is_empty() {
            return;
        }
        let waiting = self.rejections.waiting.take();
        self.context.with(|ctx| {
            for (_, reason) in waiting {
                if let Ok(reason) = reason.restore(&ctx) {
                    report(
                        &ctx,
                        &self.state,
                        &self.modules,
                        "unhandled rejection: ",
                        reason,
                    );
                }
            }
        });
        let more = self.rejections.more.take();
        if more > 0 {
            self.state.log(
                Level::Error,
                format!("{more} more rejections were not handled"),
            );
        }
    }

    fn run_jobs(&self) {
        for _ in 0..JOBS_MAX {
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => return,
                Err(failed) => failed.0.with(|ctx| self.tell(&ctx, &Error::Exception)),
            }
        }
        promise_jobs_without_end();
    }

    /// Logs why a call of the library did not return.
    fn tell(&self, ctx: &Ctx<'_>, error: &Error) {
        let place = self.place(ctx);
        if !is_exception(error) {
            return self.state.log(Level::Error, format!("{place}: {error}"));
        }
        let thrown = ctx.catch();
        if self.state.budget.take_interrupted() {
            return self.tell_interrupted(ctx);
        }
        let what = if place.is_empty() {
            "uncaught ".to_owned()
        } else {
            format!("{place}: uncaught ")
        };
        report(ctx, &self.state, &self.modules, &what, thrown);
    }

    fn tell_interrupted(&self, ctx: &Ctx<'_>) {
        let place = match self.place(ctx) {
            place if place.is_empty() => "a handler".to_owned(),
            place => place,
        };
        let text = format!(
            "{place} ran too long and was interrupted: long work belongs into portions (timers), into a Rust app, or deadline_ms of the app must be raised"
        );
        self.state.log(Level::Error, text);
    }

    /// What runs, in the library's words.
    fn place(&self, ctx: &Ctx<'_>) -> String {
        let pending = ctx.has_exception().then(|| ctx.catch());
        let text = self
            .hooks
            .call::<_, JsString>(ctx, Hook::Where, ())
            .and_then(text_of);
        let text = text.unwrap_or_else(|_| {
            let _ = ctx.catch();
            String::new()
        });
        if let Some(pending) = pending {
            let _ = ctx.throw(pending);
        }
        text
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.hooks.close();
        self.modules.close();
        self.rejections.waiting.borrow_mut().clear();
        self.runtime.set_host_promise_rejection_tracker(None);
        self.runtime.set_interrupt_handler(None);
    }
}

/// Promise jobs that make new ones for ever cannot be taken out of QuickJS's queue: the instance ends, and the
/// host starts another one. The name of this function stands in the host's log.
#[inline(never)]
#[expect(clippy::panic, reason = "a trap is what ends an instance")]
fn promise_jobs_without_end() {
    panic!("promise jobs follow each other without end");
}

/// Bounds what runs, and hears of rejections.
fn watch(runtime: &Runtime, state: &Rc<State>, rejections: &Rc<Rejections>) {
    let budget = Rc::clone(state);
    runtime.set_interrupt_handler(Some(Box::new(move || budget.budget.is_spent())));
    let rejections = Rc::clone(rejections);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(
        move |ctx: Ctx<'_>, promise, reason, is_handled| {
            let mut waiting = rejections.waiting.borrow_mut();
            if is_handled {
                let same = |saved: &Persistent<Value<'static>>| {
                    saved
                        .clone()
                        .restore(&ctx)
                        .is_ok_and(|saved| saved == promise)
                };
                waiting.retain(|(saved, _)| !same(saved));
            } else if waiting.len() < REJECTIONS_MAX {
                let promise = Persistent::save(&ctx, promise);
                waiting.push((promise, Persistent::save(&ctx, reason)));
            } else {
                rejections.more.set(rejections.more.get() + 1);
            }
        },
    )));
}

/// Loads the library and gives its hooks.
fn load(ctx: &Ctx<'_>, state: &Rc<State>, modules: &Rc<Modules>) -> rquickjs::Result<Hooks> {
    let library = require_library(ctx, modules, "boot.js")?;
    let boot: Function = library.get("boot")?;
    let install: Function = require_library(ctx, modules, "env/index.js")?.get("install")?;
    let object: Object = boot.call((natives(ctx, state, modules)?, install))?;
    let hooks = Hooks::new(ctx, &object)?;
    modules.open(ctx, hooks.function(ctx, Hook::Module)?)?;
    // QuickJS's own begins with the same number in every instance.
    let random = Rc::clone(state);
    let math: Object = ctx.globals().get("Math")?;
    math.set(
        "random",
        Function::new(ctx.clone(), move || random.fraction())?.with_name("random")?,
    )?;
    Ok(hooks)
}

/// Tells the library where the app starts.
fn tell_start(ctx: &Ctx<'_>, hooks: &Hooks, start: &Start) -> rquickjs::Result<()> {
    let env = Object::new(ctx.clone())?;
    for (name, value) in &start.env {
        env.set(name.as_str(), value.as_str())?;
    }
    let context = Object::new(ctx.clone())?;
    context.set("name", start.name.as_str())?;
    context.set("env", env)?;
    context.set("shards", start.shards)?;
    context.set("instances", start.instances)?;
    context.set("place", start.place)?;
    hooks.call(ctx, Hook::Start, (context,))
}

fn manifest(ctx: &Ctx<'_>, hooks: &Hooks) -> rquickjs::Result<Manifest> {
    let object: Object = hooks.call(ctx, Hook::Manifest, ())?;
    let text = |name: &str| object.get::<_, JsString>(name).and_then(text_of);
    let settings: Vec<(String, String)> = object
        .get::<_, Vec<Vec<String>>>("settings")?
        .into_iter()
        .filter_map(|pair| {
            <[String; 2]>::try_from(pair)
                .ok()
                .map(|[name, value]| (name, value))
        })
        .collect();
    Ok(Manifest {
        name: text("name")?,
        version: text("version")?,
        namespaces: object.get("namespaces")?,
        dynamic: object.get("dynamic")?,
        judges_handshakes: object.get("judges")?,
        decides_cors: object.get("cors")?,
        hears_denials: object.get("denials")?,
        hears_rooms: object.get("rooms")?,
        settings,
    })
}

/// Why something at the start did not work, for the operator.
fn sentence(ctx: &Ctx<'_>, modules: &Modules, error: &Error) -> String {
    if !is_exception(error) {
        return error.to_string();
    }
    let mut text = describe(ctx, modules, ctx.catch());
    cut(&mut text);
    text
}

/// Sets what clocks say, in nanoseconds. Natively the system's clock is what scripts see.
fn set_clock(now_ns: u64) {
    #[cfg(target_family = "wasm")]
    crate::platform::set_clock(now_ns);
    let _ = now_ns;
}
