//! Where modules come from: the script, the library, and what the library offers as built in. Called by
//! QuickJS while it links; it runs no module but CommonJS ones, which must run to be linked to.

use crate::library::{self, PREFIX};
use crate::limits::SOURCE_MAP_BYTES_MAX;
use crate::script::{Kind, Module as Source, Script};
use crate::source_map::SourceMap;
use rquickjs::function::{Opt, This};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Function, Module, Object, Persistent, Result, Value};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The hidden global through which generated modules reach values.
const DOOR: &str = "__holdfast";
/// Endings that may be left out where a script computes what it imports.
const ENDINGS: [&str; 7] = ["", ".ts", ".js", ".mjs", ".cjs", ".json", "/index.js"];

/// All modules of an instance.
#[derive(Default)]
pub(crate) struct Modules {
    /// Those of the script, when there is one.
    files: OnceCell<BTreeMap<String, File>>,
    /// What offers the built-in ones: `module(name)` of the library.
    offer: RefCell<Option<Persistent<Function<'static>>>>,
    /// Exports of CommonJS modules that have begun to run, and of files of the library that were asked for.
    loaded: RefCell<BTreeMap<String, Persistent<Object<'static>>>>,
}

struct File {
    source: Source,
    map: Option<SourceMap>,
}

impl Modules {
    /// Takes the script's modules, once, and gives the name of the one to run.
    pub(crate) fn fill(&self, script: Script) -> String {
        let files = script.modules.into_iter().map(|mut source| {
            let map = source.map.take();
            let map = map.filter(|map| map.len() <= SOURCE_MAP_BYTES_MAX);
            let map = map.map(SourceMap::new);
            (source.name.clone(), File { source, map })
        });
        let _ = self.files.set(files.collect());
        script.entry
    }

    fn file(&self, name: &str) -> Option<&File> {
        self.files.get()?.get(name)
    }

    /// The map of a module of the script.
    pub(crate) fn map(&self, name: &str) -> Option<&SourceMap> {
        self.file(name)?.map.as_ref()
    }

    /// Lets modules reach the built-in ones.
    pub(crate) fn open<'js>(self: &Rc<Self>, ctx: &Ctx<'js>, offer: Function<'js>) -> Result<()> {
        self.offer.replace(Some(Persistent::save(ctx, offer)));
        let modules = Rc::clone(self);
        let door = Function::new(ctx.clone(), move |ctx: Ctx<'js>, name: String| {
            modules.exports(&ctx, &name)
        })?;
        // Not enumerable, not writable.
        ctx.globals()
            .prop(DOOR, rquickjs::object::Property::from(door))
    }

    /// Lets go of everything that lives in QuickJS.
    pub(crate) fn close(&self) {
        self.loaded.borrow_mut().clear();
        self.offer.take();
    }

    /// The module that an import means.
    fn find(&self, base: &str, name: &str) -> Option<String> {
        if let Some(path) = base.strip_prefix(PREFIX) {
            return Some(format!("{PREFIX}{}", join(path, name)));
        }
        if let Some(found) = self
            .file(base)
            .and_then(|file| file.source.imports.get(name))
        {
            return Some(found.clone());
        }
        if name.starts_with('.') || name.starts_with('/') {
            let path = join(base, name);
            return ENDINGS
                .iter()
                .map(|ending| format!("{path}{ending}"))
                .find(|path| self.file(path).is_some());
        }
        Some(match name {
            "socket.io" => "holdfast".to_owned(),
            _ => name.to_owned(),
        })
    }

    /// The exports of a module, as an object: what `require` gives.
    fn exports<'js>(self: &Rc<Self>, ctx: &Ctx<'js>, name: &str) -> Result<Object<'js>> {
        if let Some(loaded) = self.loaded.borrow().get(name) {
            return loaded.clone().restore(ctx);
        }
        let Some(file) = self.file(name) else {
            let offer = self
                .offer
                .borrow()
                .clone()
                .ok_or(Error::Unknown)?
                .restore(ctx)?;
            let offered: Value = offer.call((name,))?;
            return match offered.into_object() {
                Some(object) => Ok(object),
                None => Err(Exception::throw_message(
                    ctx,
                    &format!("Cannot find module '{name}'"),
                )),
            };
        };
        match file.source.kind {
            Kind::Cjs => self.run_common(ctx, file),
            Kind::Json => {
                let holder = Object::new(ctx.clone())?;
                holder.set("default", ctx.json_parse(file.source.source.as_str())?)?;
                self.keep(ctx, name, &holder);
                Ok(holder)
            }
            Kind::Esm => evaluate(ctx, name, file.source.source.as_str()),
        }
    }

    fn keep<'js>(&self, ctx: &Ctx<'js>, name: &str, exports: &Object<'js>) {
        let kept = Persistent::save(ctx, exports.clone());
        self.loaded.borrow_mut().insert(name.to_owned(), kept);
    }

    /// Runs a CommonJS module, once.
    fn run_common<'js>(self: &Rc<Self>, ctx: &Ctx<'js>, file: &File) -> Result<Object<'js>> {
        let name = file.source.name.as_str();
        let exports = Object::new(ctx.clone())?;
        let module = Object::new(ctx.clone())?;
        module.set("exports", exports.clone())?;
        module.set("id", name)?;
        let holder = Object::new(ctx.clone())?;
        holder.set("module", module.clone())?;
        self.keep(ctx, name, &holder);
        let (modules, base) = (Rc::clone(self), name.to_owned());
        let require = Function::new(ctx.clone(), move |ctx: Ctx<'js>, wanted: String| {
            modules.require(&ctx, &base, &wanted)
        })?;
        // Strict, as all modules are: code that needs more than that is not moved over by being wrapped.
        let body = format!(
            "export default function (exports, require, module, __filename, __dirname) {{{}\n}}",
            file.source.source
        );
        let function: Function = evaluate(ctx, name, &body)?.get("default")?;
        let folder = name.rsplit_once('/').map_or(".", |(folder, _)| folder);
        function.call::<_, ()>((
            This(exports.clone()),
            exports,
            require,
            module,
            name,
            folder,
        ))?;
        Ok(holder)
    }

    fn require<'js>(
        self: &Rc<Self>,
        ctx: &Ctx<'js>,
        base: &str,
        wanted: &str,
    ) -> Result<Value<'js>> {
        let Some(name) = self.find(base, wanted) else {
            let message = format!("Cannot find module '{wanted}' required by {base}");
            return Err(Exception::throw_message(ctx, &message));
        };
        let exports = self.exports(ctx, &name)?;
        match self.file(&name).map(|file| file.source.kind) {
            Some(Kind::Cjs) => exports.get::<_, Object>("module")?.get("exports"),
            Some(Kind::Json) => exports.get("default"),
            Some(Kind::Esm) | None => Ok(exports.into_value()),
        }
    }

    /// The source of an ES module that passes on what an object holds.
    fn wrap<'js>(self: &Rc<Self>, ctx: &Ctx<'js>, name: &str) -> Result<String> {
        let exports = self.exports(ctx, name)?;
        let quoted = serde_json::to_string(name).map_err(|_| Error::Unknown)?;
        let kind = self.file(name).map(|file| file.source.kind);
        let mut text = match kind {
            Some(Kind::Cjs) => {
                format!("const m = {DOOR}({quoted}).module.exports;\nexport default m;\n")
            }
            Some(Kind::Json) => return Ok(format!("export default {DOOR}({quoted}).default;\n")),
            _ => format!(
                "const m = {DOOR}({quoted});\nexport default \"default\" in m ? m.default : m;\n"
            ),
        };
        let names = match kind {
            Some(Kind::Cjs) => {
                let value: Value = exports.get::<_, Object>("module")?.get("exports")?;
                match value.into_object() {
                    Some(object) => object,
                    None => return Ok(text),
                }
            }
            _ => exports,
        };
        for key in names.keys::<String>() {
            let key = key?;
            if key != "default" && is_identifier(&key) {
                text.push_str(&format!(
                    "const {key}_ = m.{key};\nexport {{ {key}_ as {key} }};\n"
                ));
            }
        }
        Ok(text)
    }
}

/// Evaluates an ES module that waits for nothing, and gives its namespace.
pub(crate) fn evaluate<'js>(ctx: &Ctx<'js>, name: &str, source: &str) -> Result<Object<'js>> {
    let (module, promise) = Module::declare(ctx.clone(), name, source)?.eval()?;
    if let Some(result) = promise.result::<Value>() {
        result?;
    }
    module.namespace()
}

/// A file of the library, evaluated when it is first asked for.
pub(crate) fn require_library<'js>(
    ctx: &Ctx<'js>,
    modules: &Rc<Modules>,
    path: &str,
) -> Result<Object<'js>> {
    let name = format!("{PREFIX}{path}");
    if let Some(loaded) = modules.loaded.borrow().get(&name) {
        return loaded.clone().restore(ctx);
    }
    let Some(source) = library::source(path) else {
        let message = format!("the library has no file {path}");
        return Err(Exception::throw_message(ctx, &message));
    };
    let exports = evaluate(ctx, &name, source)?;
    modules.keep(ctx, &name, &exports);
    Ok(exports)
}

/// The native `require` of the library.
pub(crate) fn library_door<'js>(ctx: &Ctx<'js>, modules: &Rc<Modules>) -> Result<Function<'js>> {
    let modules = Rc::clone(modules);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, path: String, _: Opt<Value<'js>>| {
            require_library(&ctx, &modules, &path)
        },
    )
}

/// Resolves for QuickJS.
pub(crate) struct Finder(pub(crate) Rc<Modules>);

impl Resolver for Finder {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        self.0
            .find(base, name)
            .ok_or_else(|| Error::new_resolving(base, name))
    }
}

/// Loads for QuickJS.
pub(crate) struct Opener(pub(crate) Rc<Modules>);

impl Loader for Opener {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let source = library::source(path).ok_or_else(|| Error::new_loading(name))?;
            return Module::declare(ctx.clone(), name, source);
        }
        match self.0.file(name) {
            Some(File { source, .. }) if source.kind == Kind::Esm => {
                Module::declare(ctx.clone(), name, source.source.as_str())
            }
            _ => {
                let source = self.0.wrap(ctx, name)?;
                Module::declare(ctx.clone(), name, source)
            }
        }
    }
}

/// A path relative to a file's folder, without `.` and `..`.
fn join(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = if name.starts_with('/') {
        Vec::new()
    } else {
        let mut parts: Vec<&str> = base.split('/').collect();
        parts.pop();
        parts
    };
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_identifier(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        assert_eq!(join("api/server.js", "./socket.js"), "api/socket.js");
        assert_eq!(join("api/server.js", "../env/index.js"), "env/index.js");
        assert_eq!(join("app.ts", "../x.ts"), "../x.ts");
        assert_eq!(join("a/b/c.ts", "/x.ts"), "x.ts");
    }
}
