//! What a program asks of other modules and offers to them, found by walking over its tree. Called by `compile`;
//! it resolves nothing.

use crate::compile::{Drops, Kind};
use oxc_ast::ast::{
    ArrowFunctionExpression, AwaitExpression, BindingIdentifier, CallExpression, Class,
    Declaration, Decorator, ExportAllDeclaration, ExportDefaultDeclarationKind,
    ExportFromDeclaration, Expression, ForOfStatement, Function, ImportDeclaration,
    ImportDeclarationSpecifier, ImportExpression, ModuleExportName, Program, Statement,
    StringLiteral, TryStatement, VariableDeclaration,
};
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Scoping;
use oxc_span::Span;
use oxc_syntax::scope::ScopeFlags;
use std::collections::{BTreeMap, BTreeSet};

/// What a module asks for and offers.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Every module it asks for, in order, each once.
    pub(crate) requests: Vec<Request>,
    /// Names it takes from other modules.
    pub(crate) takes: Vec<Take>,
    /// Names it offers, when it is an ES module. Those it passes on say where they come from.
    pub(crate) offers: BTreeMap<String, Option<(String, String)>>,
    /// Modules of which it offers everything.
    pub(crate) stars: Vec<String>,
    /// Names it exports that are only types.
    pub(crate) types: BTreeSet<String>,
    /// Whether it exports all types of other modules, so that any name may be one.
    pub(crate) type_stars: bool,
}

/// A module that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) specifier: String,
    /// Where, in bytes of the file.
    pub(crate) offset: usize,
    /// Whether its absence may wait until it is asked for: inside of `try`.
    pub(crate) optional: bool,
}

/// A name that is taken from another module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) specifier: String,
    pub(crate) name: String,
    pub(crate) offset: usize,
    /// Whether the module only passes it on, as far as is seen.
    pub(crate) passed_on: bool,
}

/// Which parts of the language a program needs that the engine lacks.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    pub(crate) decorator: Option<Span>,
    pub(crate) using: bool,
}

/// What must be lowered.
pub(crate) fn needs(program: &Program<'_>) -> Needs {
    struct Finder(Needs);
    impl<'a> Visit<'a> for Finder {
        fn visit_decorator(&mut self, it: &Decorator<'a>) {
            self.0.decorator.get_or_insert(it.span);
            walk::walk_decorator(self, it);
        }
        fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
            self.0.using |= it.kind.is_using();
            walk::walk_variable_declaration(self, it);
        }
    }
    let mut finder = Finder(Needs::default());
    finder.visit_program(program);
    finder.0
}

/// The first `await` outside of a function.
pub(crate) fn top_level_await(program: &Program<'_>) -> Option<Span> {
    struct Finder(Option<Span>);
    impl<'a> Visit<'a> for Finder {
        fn visit_await_expression(&mut self, it: &AwaitExpression<'a>) {
            self.0.get_or_insert(it.span);
        }
        fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
            if it.r#await {
                self.0.get_or_insert(it.span);
            }
            walk::walk_for_of_statement(self, it);
        }
        fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}
        fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
        fn visit_class(&mut self, _: &Class<'a>) {}
    }
    let mut finder = Finder(None);
    finder.visit_program(program);
    finder.0
}

/// What a program that has no types any more asks for and offers.
pub(crate) fn links(program: &Program<'_>, kind: Kind) -> Links {
    let mut collector = Collector {
        links: Links::default(),
        kind,
        tries: 0,
    };
    collector.visit_program(program);
    let mut links = collector.links;
    let mut passed_on = BTreeSet::new();
    for statement in &program.body {
        if let Statement::ExportNamedDeclaration(export) = statement {
            passed_on.extend(export.specifiers.iter().map(|it| text(&it.local)));
        }
    }
    let mut taken: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for statement in &program.body {
        let Statement::ImportDeclaration(import) = statement else {
            continue;
        };
        let specifier = import.source.value.to_string();
        for name in import.specifiers.iter().flatten() {
            let (imported, offset) = match name {
                ImportDeclarationSpecifier::ImportSpecifier(it) => {
                    (text(&it.imported), it.span.start as usize)
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                    ("default".to_owned(), it.span.start as usize)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => continue,
            };
            taken.insert(
                name.local().name.as_str(),
                (specifier.clone(), imported.clone()),
            );
            links.takes.push(Take {
                specifier: specifier.clone(),
                name: imported,
                offset,
                passed_on: passed_on.contains(name.local().name.as_str()),
            });
        }
    }
    for statement in &program.body {
        offer(statement, &taken, &mut links);
    }
    links
}

fn offer(statement: &Statement<'_>, taken: &BTreeMap<&str, (String, String)>, links: &mut Links) {
    match statement {
        Statement::ExportDefaultDeclaration(_) => {
            links.offers.insert("default".to_owned(), None);
        }
        Statement::ExportAllDeclaration(all) => match &all.exported {
            Some(name) => {
                links.offers.insert(text(name), None);
            }
            None => links.stars.push(all.source.value.to_string()),
        },
        Statement::ExportDeclaration(export) => {
            for name in declared(&export.declaration) {
                links.offers.insert(name, None);
            }
        }
        Statement::ExportNamedDeclaration(export) => {
            for specifier in &export.specifiers {
                let local = text(&specifier.local);
                links.offers.insert(
                    text(&specifier.exported),
                    taken.get(local.as_str()).cloned(),
                );
            }
        }
        Statement::ExportFromDeclaration(export) => {
            let from = export.source.value.to_string();
            for specifier in &export.specifiers {
                let name = text(&specifier.local);
                links.takes.push(Take {
                    specifier: from.clone(),
                    name: name.clone(),
                    offset: specifier.span.start as usize,
                    passed_on: true,
                });
                links
                    .offers
                    .insert(text(&specifier.exported), Some((from.clone(), name)));
            }
        }
        _ => {}
    }
}

/// Exported names that are only types. The program still has its types.
pub(crate) fn types(program: &Program<'_>, scoping: &Scoping, links: &mut Links) {
    let is_value = |name: &str| {
        let symbol = scoping.get_root_binding(name.into());
        symbol.is_none_or(|symbol| scoping.symbol_flags(symbol).is_value())
    };
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(export) => {
                let names = declared(&export.declaration);
                links
                    .types
                    .extend(names.into_iter().filter(|name| !is_value(name)));
            }
            Statement::ExportNamedDeclaration(export) => {
                for it in &export.specifiers {
                    let typed = export.export_kind.is_type() || it.export_kind.is_type();
                    if typed || !is_value(&text(&it.local)) {
                        links.types.insert(text(&it.exported));
                    }
                }
            }
            Statement::ExportFromDeclaration(export) => {
                for it in &export.specifiers {
                    if export.export_kind.is_type() || it.export_kind.is_type() {
                        links.types.insert(text(&it.exported));
                    }
                }
            }
            Statement::ExportDefaultDeclaration(export) => {
                if let ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) = export.declaration
                {
                    links.types.insert("default".to_owned());
                }
            }
            Statement::ExportAllDeclaration(export) if export.export_kind.is_type() => {
                match &export.exported {
                    Some(name) => {
                        links.types.insert(text(name));
                    }
                    None => links.type_stars = true,
                }
            }
            _ => {}
        }
    }
}

/// Takes out what only passes types on.
pub(crate) fn drop(program: &mut Program<'_>, drops: &Drops) {
    if drops.is_empty() {
        return;
    }
    let is_dropped = |source: &StringLiteral<'_>, name: &str| {
        drops
            .iter()
            .any(|(specifier, dropped)| source.value == specifier.as_str() && name == dropped)
    };
    let mut locals = BTreeSet::new();
    program.body.retain_mut(|statement| match statement {
        Statement::ImportDeclaration(import) => {
            let import = &mut **import;
            let source = &import.source;
            let Some(specifiers) = &mut import.specifiers else {
                return true;
            };
            let before = specifiers.len();
            specifiers.retain(|it| {
                let dropped = match it {
                    ImportDeclarationSpecifier::ImportSpecifier(it) => {
                        is_dropped(source, &text(&it.imported))
                    }
                    ImportDeclarationSpecifier::ImportDefaultSpecifier(_) => {
                        is_dropped(source, "default")
                    }
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => false,
                };
                if dropped {
                    locals.insert(it.local().name.to_string());
                }
                !dropped
            });
            !specifiers.is_empty() || before == 0
        }
        Statement::ExportFromDeclaration(export) => {
            let export = &mut **export;
            let source = &export.source;
            let before = export.specifiers.len();
            export
                .specifiers
                .retain(|it| !is_dropped(source, &text(&it.local)));
            !export.specifiers.is_empty() || before == 0
        }
        _ => true,
    });
    for statement in &mut program.body {
        if let Statement::ExportNamedDeclaration(export) = statement {
            export
                .specifiers
                .retain(|it| !locals.contains(&text(&it.local)));
        }
    }
}

/// The names that a declaration declares.
fn declared(declaration: &Declaration<'_>) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'a> Visit<'a> for Names {
        fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
            self.0.push(it.name.to_string());
        }
        fn visit_expression(&mut self, _: &Expression<'a>) {}
    }
    let id = |id: &Option<BindingIdentifier<'_>>| {
        id.iter().map(|id| id.name.to_string()).collect::<Vec<_>>()
    };
    match declaration {
        Declaration::VariableDeclaration(it) => {
            let mut names = Names(Vec::new());
            for declarator in &it.declarations {
                names.visit_binding_pattern(&declarator.id);
            }
            names.0
        }
        Declaration::FunctionDeclaration(it) => id(&it.id),
        Declaration::ClassDeclaration(it) => id(&it.id),
        Declaration::TSTypeAliasDeclaration(it) => vec![it.id.name.to_string()],
        Declaration::TSInterfaceDeclaration(it) => vec![it.id.name.to_string()],
        Declaration::TSEnumDeclaration(it) => vec![it.id.name.to_string()],
        Declaration::TSImportEqualsDeclaration(it) => vec![it.id.name.to_string()],
        Declaration::TSNamespaceDeclaration(it) => vec![it.id.name.to_string()],
        Declaration::TSExternalModuleDeclaration(_) | Declaration::TSGlobalDeclaration(_) => {
            Vec::new()
        }
    }
}

fn text(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}

/// Finds every module that is asked for.
struct Collector {
    links: Links,
    kind: Kind,
    /// How many `try` blocks are around.
    tries: u32,
}

impl Collector {
    fn request(&mut self, specifier: &str, span: Span, optional: bool) {
        let known = self
            .links
            .requests
            .iter_mut()
            .find(|request| request.specifier == specifier);
        match known {
            Some(request) => request.optional &= optional,
            None => self.links.requests.push(Request {
                specifier: specifier.to_owned(),
                offset: span.start as usize,
                optional,
            }),
        }
    }
}

/// The text of a literal, also of a template without holes.
fn literal<'a>(expression: &Expression<'a>) -> Option<(&'a str, Span)> {
    match expression {
        Expression::StringLiteral(it) => Some((it.value.as_str(), it.span)),
        Expression::TemplateLiteral(it) => match it.quasis.as_slice() {
            [only] => Some((only.value.cooked.as_ref()?.as_str(), it.span)),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Visit<'a> for Collector {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        self.request(&it.source.value, it.source.span, false);
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        self.request(&it.source.value, it.source.span, false);
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.request(&it.source.value, it.source.span, false);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Some((specifier, span)) = literal(&it.source) {
            self.request(specifier, span, self.tries > 0);
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if self.kind == Kind::Cjs
            && it.callee.is_specific_id("require")
            && let Some((specifier, span)) = it
                .arguments
                .first()
                .and_then(|argument| argument.as_expression())
                .and_then(literal)
        {
            self.request(specifier, span, self.tries > 0);
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        self.tries += 1;
        self.visit_block_statement(&it.block);
        self.tries -= 1;
        if let Some(handler) = &it.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &it.finalizer {
            self.visit_block_statement(finalizer);
        }
    }
}
