//! One file into JavaScript that the engine runs: parsed, checked, freed of types, printed with a source map.
//! Called by `graph` for every file; the only place that calls the oxc crates for it. It reads no file, and a
//! panic inside of those crates becomes a problem that names the file.

use crate::error::Problem;
use crate::imports::{self, Links};
use crate::project::Options;
use crate::source_map::Mappings;
use oxc_allocator::Allocator;
use oxc_ast::ast::{Statement, TSModuleReference};
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_diagnostics::Diagnostics;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::SemanticBuilder;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_transformer::{HelperLoaderOptions, TransformOptions, Transformer};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Where imports of the transformer's helpers seem to come from; never a package's name.
pub(crate) const HELPERS: &str = "holdfast:helpers";

/// What a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Esm,
    Cjs,
    Json,
}

/// What a file's ending says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Ts,
    Mts,
    Cts,
    Js,
    Mjs,
    Cjs,
    Json,
}

impl Language {
    /// By the ending of a path.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "ts" => Self::Ts,
            "mts" => Self::Mts,
            "cts" => Self::Cts,
            "js" => Self::Js,
            "mjs" => Self::Mjs,
            "cjs" => Self::Cjs,
            "json" => Self::Json,
            _ => return None,
        })
    }

    /// Whether types are taken out.
    pub(crate) fn is_typed(self) -> bool {
        matches!(self, Self::Ts | Self::Mts | Self::Cts)
    }
}

/// A compiled file.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) kind: Kind,
    pub(crate) source: String,
    /// The mappings of the printed text, when it is not the file's own.
    pub(crate) mappings: Option<Mappings>,
    pub(crate) links: Links,
}

/// Names that are types in the module they come from, so that passing them on is taken out: the specifier, and
/// the name there.
pub(crate) type Drops = Vec<(String, String)>;

/// Compiles a file that `file` names in problems.
pub(crate) fn compile(
    file: &str,
    text: &str,
    language: Language,
    options: &Options,
    drops: &Drops,
) -> Result<Compiled, Vec<Problem>> {
    if language == Language::Json {
        return json(file, text);
    }
    catch_unwind(AssertUnwindSafe(|| {
        compile_code(file, text, language, options, drops)
    }))
    .unwrap_or_else(|_| {
        Err(vec![Problem::of(
            file,
            "the parser failed on this file, which is a fault of Holdfast's: please report it with the file",
        )])
    })
}

fn json(file: &str, text: &str) -> Result<Compiled, Vec<Problem>> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let starts = text.split_inclusive('\n').map(str::len);
        let start: usize = starts.take(error.line().saturating_sub(1)).sum();
        let offset = start + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = format!("this is not JSON: {message}");
        return Err(vec![Problem::at(file, text, offset, message)]);
    }
    Ok(Compiled {
        kind: Kind::Json,
        source: text.to_owned(),
        mappings: None,
        links: Links::default(),
    })
}

fn compile_code(
    file: &str,
    text: &str,
    language: Language,
    options: &Options,
    drops: &Drops,
) -> Result<Compiled, Vec<Problem>> {
    let allocator = Allocator::default();
    let (parsed, kind) = parse(file, text, language, &allocator)?;
    let mut program = parsed.program;
    // Their functions are wrapped, so the line that names an interpreter would not be the first.
    let hashbang = program.hashbang.take();

    let semantic = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_enum_eval(true)
        .with_excess_capacity(2.0)
        .build(&program);
    refuse(file, text, &semantic.diagnostics)?;
    let scoping = semantic.semantic.into_scoping();
    let kind = kind.unwrap_or_else(|| {
        let free = scoping.root_unresolved_references();
        let common = ["require", "module", "exports"];
        if common.iter().any(|name| free.contains_key(*name)) {
            Kind::Cjs
        } else {
            Kind::Esm
        }
    });

    let needs = imports::needs(&program);
    if let (Some(span), false) = (needs.decorator, options.legacy_decorators) {
        return Err(vec![place(
            file,
            text,
            span,
            "decorators: the engine has no standard decorators; for those of TypeScript set \"experimentalDecorators\": true in the compilerOptions of a tsconfig.json beside the entry",
        )]);
    }
    let mut typed = Links::default();
    imports::types(&program, &scoping, &mut typed);
    if !language.is_typed() && needs.decorator.is_none() && !needs.using {
        let mut links = imports::links(&program, kind);
        links.types = typed.types;
        let mut source = text.to_owned();
        if hashbang.is_some() {
            source.replace_range(0..2, "//");
        }
        return Ok(Compiled {
            kind,
            source,
            mappings: None,
            links,
        });
    }

    let transform = transform_options(options);
    let transformed = Transformer::new(&allocator, Path::new(file), &transform)
        .build_with_scoping(scoping, &mut program);
    refuse(file, text, &transformed.diagnostics)?;
    imports::drop(&mut program, drops);
    let mut links = imports::links(&program, kind);
    links.types = typed.types;
    links.type_stars = typed.type_stars;
    let printed = Codegen::new()
        .with_options(CodegenOptions {
            comments: CommentOptions::disabled(),
            source_map_path: Some(file.into()),
            ..CodegenOptions::default()
        })
        .build(&program);
    let mappings = printed.map.as_ref().map(Mappings::of);
    Ok(Compiled {
        kind,
        source: printed.code,
        mappings,
        links,
    })
}

fn transform_options(options: &Options) -> TransformOptions {
    let mut transform = TransformOptions::default();
    transform.typescript.only_remove_type_imports = options.keep_value_imports;
    transform.decorator.legacy = options.legacy_decorators;
    transform.decorator.emit_decorator_metadata = options.decorator_metadata;
    transform.env.es2026.explicit_resource_management = true;
    if options.assign_fields {
        transform.typescript.remove_class_fields_without_initializer = true;
        transform.assumptions.set_public_class_fields = true;
        transform.env.es2022.class_properties =
            Some(oxc_transformer::ClassPropertiesOptions { loose: true });
    }
    transform.helper_loader = HelperLoaderOptions {
        module_name: HELPERS.into(),
        ..HelperLoaderOptions::default()
    };
    transform
}

/// Parses, and says what kind of module it is where the syntax or the ending decides it.
fn parse<'a>(
    file: &str,
    text: &'a str,
    language: Language,
    allocator: &'a Allocator,
) -> Result<(ParserReturn<'a>, Option<Kind>), Vec<Problem>> {
    // CommonJS runs inside of a function of a module: strict, and `return` is fine.
    let read = |in_function: bool| {
        let source_type = SourceType::mjs().with_typescript(language.is_typed());
        Parser::new(allocator, text, source_type)
            .with_options(ParseOptions {
                allow_return_outside_function: in_function,
                parse_regular_expression: true,
                ..ParseOptions::default()
            })
            .parse()
    };
    let in_function = matches!(language, Language::Cjs | Language::Cts);
    let mut parsed = read(in_function);
    let mut syntax = Syntax::of(&parsed);
    let open = matches!(language, Language::Js | Language::Ts) && syntax.module.is_none();
    if open && parsed.diagnostics.has_errors() {
        let again = read(true);
        if !again.diagnostics.has_errors() {
            syntax = Syntax::of(&again);
            parsed = again;
            syntax.common.get_or_insert(Span::new(0, 0));
        }
    }
    refuse(file, text, &parsed.diagnostics)?;
    let kind = match (language, syntax.module, syntax.common) {
        (Language::Cjs, Some(span), _) => {
            let message = "a .cjs file cannot import or export with the syntax of ES modules: name it .mjs or .js, or use require()";
            return Err(vec![place(file, text, span, message)]);
        }
        (Language::Mjs | Language::Mts, _, Some(span)) | (_, Some(_), Some(span)) => {
            let message = "`import x = require()` and `export =` do not go together with ES modules: write `import x from` and `export default`";
            return Err(vec![place(file, text, span, message)]);
        }
        (Language::Cjs, None, _) | (_, None, Some(_)) => Some(Kind::Cjs),
        (Language::Mjs | Language::Mts, _, None) | (_, Some(_), None) => Some(Kind::Esm),
        (Language::Cts, None, None) => Some(Kind::Cjs),
        _ => None,
    };
    if kind == Some(Kind::Cjs)
        && let Some(span) = imports::top_level_await(&parsed.program)
    {
        let message =
            "`await` outside of a function needs an ES module, and this is a CommonJS one";
        return Err(vec![place(file, text, span, message)]);
    }
    if kind.is_none() && imports::top_level_await(&parsed.program).is_some() {
        return Ok((parsed, Some(Kind::Esm)));
    }
    Ok((parsed, kind))
}

/// Where a file shows what it is.
#[derive(Default)]
struct Syntax {
    module: Option<Span>,
    common: Option<Span>,
}

impl Syntax {
    fn of(parsed: &ParserReturn<'_>) -> Self {
        let mut found = Self {
            module: parsed.module_record.import_metas.first().copied(),
            common: None,
        };
        for statement in &parsed.program.body {
            match statement {
                Statement::TSExportAssignment(it) => found.common = found.common.or(Some(it.span)),
                Statement::TSImportEqualsDeclaration(it)
                    if it.import_kind.is_value()
                        && matches!(
                            it.module_reference,
                            TSModuleReference::ExternalModuleReference(_)
                        ) =>
                {
                    found.common = found.common.or(Some(it.span));
                }
                Statement::ImportDeclaration(_)
                | Statement::ExportAllDeclaration(_)
                | Statement::ExportDeclaration(_)
                | Statement::ExportDefaultDeclaration(_)
                | Statement::ExportFromDeclaration(_)
                | Statement::ExportNamedDeclaration(_) => {
                    found.module = found.module.or(Some(statement.span()));
                }
                _ => {}
            }
        }
        found
    }
}

/// Errors of the parser, as problems.
fn refuse(file: &str, text: &str, diagnostics: &Diagnostics) -> Result<(), Vec<Problem>> {
    let problems: Vec<_> = diagnostics
        .errors()
        .map(|error| {
            let mut message = error.message.to_string();
            if let Some(help) = &error.help {
                message = format!("{}: {help}", message.trim_end_matches('.'));
            }
            let message = lower_first(&message);
            match error.labels.first() {
                Some(label) => Problem::at(file, text, label.offset() as usize, message),
                None => Problem::of(file, message),
            }
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems)
}

fn place(file: &str, text: &str, span: Span, message: &str) -> Problem {
    Problem::at(file, text, span.start as usize, message)
}

/// Messages begin in lower case, unless with a name or an acronym.
fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}
