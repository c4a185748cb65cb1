//! Reads the files of a crate, module by module, from its `lib.rs` on.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprLit, Item, ItemExternCrate, ItemMod, ItemUse, Lit, Macro, Meta, Path, UseTree, Visibility,
};

use crate::krate::{Crate, File, Kind, Module, Name};
use crate::numbers;
use crate::tree::Tree;

/// A file that is to be read.
struct Pending {
    path: String,
    /// The module that it is.
    module: usize,
    /// Where the files of the modules in it are.
    directory: String,
}

pub(crate) fn read(tree: &Tree, directory: &str) -> Result<Crate, String> {
    let mut krate = Crate { modules: vec![Module::default()], ..Crate::default() };
    let mut pending = vec![Pending { path: format!("{directory}/lib.rs"), module: 0, directory: directory.to_owned() }];
    while let Some(next) = pending.pop() {
        let text = tree.text(&next.path).ok_or_else(|| format!("{}: there is no such file", next.path))?;
        let broken = |at: proc_macro2::Span, error: &dyn std::fmt::Display| {
            format!("{}:{}: {error}", next.path, at.start().line)
        };
        let tokens = TokenStream::from_str(text).map_err(|error| broken(error.span(), &error))?;
        let syntax: syn::File = syn::parse2(tokens.clone()).map_err(|error| broken(error.span(), &error))?;
        if is_for_tests(&syntax.attrs) {
            continue;
        }
        let file = krate.files.len();
        krate.files.push(File { path: next.path.clone(), names: Vec::new(), lines: 0, cfgs: 0 });
        krate.modules[next.module].files.insert(file);
        let mut reader = Reader {
            tree,
            krate: &mut krate,
            file,
            module: next.module,
            is_inline: false,
            directory: next.directory,
            pending: &mut pending,
            tests: Vec::new(),
            missing: Vec::new(),
        };
        syntax.attrs.iter().for_each(|attribute| reader.visit_attribute(attribute));
        reader.items(&syntax.items);
        let (tests, missing) = (reader.tests, reader.missing);
        if let Some(missing) = missing.first() {
            return Err(format!("{}:{missing}", next.path));
        }
        (krate.files[file].lines, krate.files[file].cfgs) = numbers::count(text, tokens, &tests);
    }
    Ok(krate)
}

/// Whether something with these attributes is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && means_test(&list.tokens),
        _ => false,
    })
}

/// Whether a condition of `cfg` holds in tests only.
pub(crate) fn means_test(condition: &TokenStream) -> bool {
    let mut tokens = condition.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), None) => name == "test",
        (Some(TokenTree::Ident(name)), Some(TokenTree::Group(group))) => {
            let parts: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut parts = parts.split(is_comma).filter(|part| !part.is_empty());
            let mut means_test = |part: &[TokenTree]| means_test(&part.iter().cloned().collect());
            (name == "all" && parts.any(&mut means_test)) || (name == "any" && parts.all(means_test))
        }
        _ => false,
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// Reads one file.
struct Reader<'r> {
    tree: &'r Tree,
    krate: &'r mut Crate,
    file: usize,
    /// The module that is being read, whether it has a file of its own, and where the files of its modules are.
    module: usize,
    is_inline: bool,
    directory: String,
    pending: &'r mut Vec<Pending>,
    /// The lines that are compiled for tests only, each from the first to the last.
    tests: Vec<(usize, usize)>,
    /// Modules without a file.
    missing: Vec<String>,
}

impl Reader<'_> {
    /// Whether that is for tests; remembers where it is if so.
    fn skips(&mut self, attributes: &[Attribute], node: &impl Spanned) -> bool {
        let skips = is_for_tests(attributes);
        if skips {
            self.tests.push((node.span().start().line, node.span().end().line));
        }
        skips
    }

    fn name(&mut self, kind: Kind, path: Vec<String>, line: usize) {
        let name = Name { module: self.module, path, kind, line };
        self.krate.files[self.file].names.push(name);
    }

    fn define(&mut self, name: &Ident) {
        let items = &mut self.krate.modules[self.module].items;
        items.entry(name.to_string()).or_default().insert(self.file);
    }

    /// The items of a module, in contrast to those of a function.
    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Const(item) => self.define(&item.ident),
                Item::Enum(item) => self.define(&item.ident),
                Item::Fn(item) => self.define(&item.sig.ident),
                Item::Static(item) => self.define(&item.ident),
                Item::Struct(item) => self.define(&item.ident),
                Item::Trait(item) => self.define(&item.ident),
                Item::TraitAlias(item) => self.define(&item.ident),
                Item::Type(item) => self.define(&item.ident),
                Item::Union(item) => self.define(&item.ident),
                Item::Macro(item) if !is_for_tests(&item.attrs) => {
                    item.ident.iter().for_each(|name| self.define_macro(name, &item.attrs));
                }
                Item::Use(item) if !self.skips(&item.attrs, item) => {
                    self.imports(item, true);
                    continue;
                }
                _ => {}
            }
            self.visit_item(item);
        }
    }

    fn define_macro(&mut self, name: &Ident, attributes: &[Attribute]) {
        self.define(name);
        self.krate.macros.entry(name.to_string()).or_default().insert(self.file);
        if attributes.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
            self.krate.modules[0].items.entry(name.to_string()).or_default().insert(self.file);
        }
    }

    fn imports(&mut self, item: &ItemUse, by_module: bool) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let start = if item.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
        self.import(&item.tree, start, by_module);
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, by_module: bool) {
        let (name, bound) = match tree {
            UseTree::Path(next) => {
                path.push(next.ident.to_string());
                return self.import(&next.tree, path, by_module);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, path.clone(), by_module));
            }
            UseTree::Glob(glob) => {
                self.name(Kind::Use, path.clone(), glob.star_token.span().start().line);
                if by_module {
                    self.krate.modules[self.module].globs.push(path);
                }
                return;
            }
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(name) => (&name.ident, &name.rename),
        };
        // `a::{self}` is `a`.
        let bound = if bound == "self" { path.last().cloned() } else { Some(bound.to_string()) };
        if name != "self" || path.is_empty() {
            path.push(name.to_string());
        }
        self.name(Kind::Use, path.clone(), name.span().start().line);
        if by_module && let Some(bound) = bound {
            self.krate.modules[self.module].imports.entry(bound).or_default().push(path);
        }
    }

    /// The module of that name in this one.
    fn child(&mut self, name: &Ident) -> usize {
        let new = self.krate.modules.len();
        let child = *self.krate.modules[self.module].children.entry(name.to_string()).or_insert(new);
        if child == new {
            self.krate.modules.push(Module { parent: self.module, ..Module::default() });
        }
        child
    }

    /// Has the files of a module read.
    fn module_files(&mut self, item: &ItemMod, module: usize) {
        let base = if self.is_inline { &*self.directory } else { directory_of(&self.krate.files[self.file].path) };
        let mut found = false;
        for path in written_paths(&item.attrs) {
            let path = format!("{base}/{path}");
            found = true;
            self.pending.push(Pending { directory: directory_of(&path).to_owned(), path, module });
        }
        // A path that is written under a condition leaves the usual one to the others.
        if !item.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            let directory = format!("{}/{}", self.directory, item.ident);
            let usual = [format!("{directory}.rs"), format!("{directory}/mod.rs")];
            if let Some(path) = usual.into_iter().find(|path| self.tree.text(path).is_some()) {
                found = true;
                self.pending.push(Pending { path, module, directory });
            }
        }
        if !found {
            self.missing.push(format!("{}: no file of the module {}", item.span().start().line, item.ident));
        }
    }

    /// The names in tokens that nobody has parsed: of a macro, or of an attribute.
    fn tokens(&mut self, tokens: TokenStream, of_attribute: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(_) => at = self.path_in_tokens(&tokens, at, Vec::new()),
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), of_attribute);
                    at += 1;
                }
                // serde takes paths as text.
                TokenTree::Literal(literal) if of_attribute => {
                    if let Lit::Str(text) = Lit::new(literal.clone()) {
                        let path: Vec<String> = text.value().split("::").map(|part| part.trim().to_owned()).collect();
                        if path.len() > 1 && path.iter().all(|part| syn::parse_str::<IdentOrKeyword>(part).is_ok()) {
                            self.name(Kind::Path, path, literal.span().start().line);
                        }
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// The path that begins with the name there; yields where it ends.
    fn path_in_tokens(&mut self, tokens: &[TokenTree], start: usize, mut path: Vec<String>) -> usize {
        let is = |at: usize, char: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == char);
        let separated = |at: usize| {
            matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':' && p.spacing() == Spacing::Joint)
                && is(at + 1, ':')
        };
        let before = |back: usize| start.checked_sub(back);
        let variable = before(1).is_some_and(|at| is(at, '$'));
        let continues = before(2).is_some_and(separated);
        let bare = path.is_empty();
        if bare && continues {
            // `::a` is a path with a beginning; `>::a` and `$a::a` are the ends of others.
            if before(3).is_some_and(|at| is(at, '>') || matches!(tokens[at], TokenTree::Ident(_))) {
                return start + 1;
            }
            path.push(String::new());
        }
        let Some(TokenTree::Ident(first)) = tokens.get(start) else { return start + 1 };
        let line = first.span().start().line;
        path.push(first.to_string());
        let mut at = start + 1;
        while separated(at) {
            match tokens.get(at + 2) {
                Some(TokenTree::Ident(next)) => {
                    path.push(next.to_string());
                    at += 3;
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.group_of_paths(group, &path);
                    return at + 3;
                }
                _ => break,
            }
        }
        if variable && path[0] != "crate" {
            return at;
        }
        if path.len() > 1 {
            self.name(Kind::Path, path, line);
        } else if bare && is(at, '!') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) {
            self.name(Kind::Macro, path, line);
        }
        at
    }

    /// `{a, b::c}` behind a path.
    fn group_of_paths(&mut self, group: &Group, path: &[String]) {
        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
            self.path_in_tokens(part, 0, path.to_vec());
        }
    }
}

/// A part of a path as it stands in a text.
struct IdentOrKeyword;

impl syn::parse::Parse for IdentOrKeyword {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt;
        Ident::parse_any(input).map(|_| Self)
    }
}

fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// What `#[path = "…"]` says, also under a condition.
fn written_paths(attributes: &[Attribute]) -> Vec<String> {
    let mut paths = Vec::new();
    for attribute in attributes {
        match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => {
                if let Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) = &pair.value {
                    paths.push(path.value());
                }
            }
            Meta::List(list) if list.path.is_ident("cfg_attr") => {
                let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
                for window in tokens.windows(3) {
                    if let [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(path)] = window
                        && name == "path"
                        && let Lit::Str(path) = Lit::new(path.clone())
                    {
                        paths.push(path.value());
                    }
                }
            }
            _ => {}
        }
    }
    paths
}

/// Goes into a node unless it is for tests.
macro_rules! unless_for_tests {
    ($($visit:ident: $node:ident),* $(,)?) => {
        $(fn $visit(&mut self, node: &'ast syn::$node) {
            if !self.skips(&node.attrs, node) {
                visit::$visit(self, node);
            }
        })*
    };
}

impl<'ast> Visit<'ast> for Reader<'_> {
    unless_for_tests!(
        visit_arm: Arm,
        visit_expr_block: ExprBlock,
        visit_expr_call: ExprCall,
        visit_expr_method_call: ExprMethodCall,
        visit_field: Field,
        visit_field_value: FieldValue,
        visit_impl_item_const: ImplItemConst,
        visit_impl_item_fn: ImplItemFn,
        visit_impl_item_macro: ImplItemMacro,
        visit_impl_item_type: ImplItemType,
        visit_item_const: ItemConst,
        visit_item_enum: ItemEnum,
        visit_item_fn: ItemFn,
        visit_item_foreign_mod: ItemForeignMod,
        visit_item_impl: ItemImpl,
        visit_item_macro: ItemMacro,
        visit_item_static: ItemStatic,
        visit_item_struct: ItemStruct,
        visit_item_trait: ItemTrait,
        visit_item_trait_alias: ItemTraitAlias,
        visit_item_type: ItemType,
        visit_item_union: ItemUnion,
        visit_local: Local,
        visit_stmt_macro: StmtMacro,
        visit_trait_item_const: TraitItemConst,
        visit_trait_item_fn: TraitItemFn,
        visit_trait_item_macro: TraitItemMacro,
        visit_trait_item_type: TraitItemType,
        visit_variant: Variant,
    );

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if self.skips(&item.attrs, item) {
            return;
        }
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let child = self.child(&item.ident);
        let Some((_, items)) = &item.content else { return self.module_files(item, child) };
        self.krate.modules[child].files.insert(self.file);
        let directory = format!("{}/{}", self.directory, item.ident);
        let outer = (self.module, self.is_inline, std::mem::replace(&mut self.directory, directory));
        (self.module, self.is_inline) = (child, true);
        self.items(items);
        (self.module, self.is_inline, self.directory) = outer;
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        if !self.skips(&item.attrs, item) {
            self.name(Kind::Use, vec![String::new(), item.ident.to_string()], item.ident.span().start().line);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !self.skips(&item.attrs, item) {
            self.imports(item, false);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let mut parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            parts.insert(0, String::new());
        }
        if parts.len() > 1 {
            self.name(Kind::Path, parts, path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, node: &'ast Macro) {
        if let Some(name) = node.path.get_ident() {
            self.name(Kind::Macro, vec![name.to_string()], name.span().start().line);
        }
        visit::visit_macro(self, node);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            // Conditions name features, and comments whatever they like.
            meta if meta.path().is_ident("cfg") || meta.path().is_ident("doc") => {}
            Meta::List(list) => {
                self.visit_path(&list.path);
                self.tokens(list.tokens.clone(), true);
            }
            meta => visit::visit_meta(self, meta),
        }
    }

    /// `pub(in crate::a)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
