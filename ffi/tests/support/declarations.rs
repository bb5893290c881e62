//! What a header declares, without comments, layout and order: only what a compiled program relies on.

use std::collections::BTreeMap;

/// A struct that grows at its end: callers say how long they know it to be, so that a new field breaks nobody.
const GROWING: &str = "sessile_stats";

/// A header's declarations.
pub struct Declarations {
    defines: Vec<String>,
    /// Name and body of each `enum` and `struct` that has one.
    enums: BTreeMap<String, Vec<String>>,
    structs: BTreeMap<String, Vec<String>>,
    /// Functions and types, each on one line.
    others: Vec<String>,
}

impl Declarations {
    /// Takes a header apart. It knows what cbindgen writes, and not all of C.
    pub fn of(header: &str) -> Self {
        let text = without_comments(header);
        let mut found =
            Self { defines: Vec::new(), enums: BTreeMap::new(), structs: BTreeMap::new(), others: Vec::new() };
        let is_number = |line: &str| line.split_whitespace().count() == 3;
        found.defines =
            text.lines().filter(|line| line.starts_with("#define") && is_number(line)).map(squeezed).collect();
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line} ")).collect();
        for declaration in split(&code) {
            found.add(&declaration);
        }
        found
    }

    fn add(&mut self, declaration: &str) {
        let Some((head, body)) = declaration.split_once('{') else {
            self.others.push(declaration.to_owned());
            return;
        };
        let body = body.rsplit_once('}').map_or(body, |(body, _)| body);
        let words: Vec<_> = head.split_whitespace().filter(|word| *word != "typedef").collect();
        match words.as_slice() {
            ["enum", name, ..] => drop(self.enums.insert((*name).to_owned(), parts(body, ','))),
            ["struct", name, ..] => drop(self.structs.insert((*name).to_owned(), parts(body, ';'))),
            _ => panic!("a declaration of an unknown kind: {declaration}"),
        }
    }

    /// `SESSILE_ABI_VERSION`.
    pub fn abi_version(&self) -> u32 {
        let define = self.defines.iter().find_map(|line| line.strip_prefix("#define SESSILE_ABI_VERSION "));
        define.unwrap().parse().unwrap()
    }

    /// Names and values of an enum.
    pub fn constants_of(&self, name: &str) -> BTreeMap<String, u32> {
        let pair = |constant: &String| {
            let (name, value) = constant.split_once(" = ").unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        self.enums[name].iter().map(pair).collect()
    }

    /// Types and names of a struct's fields, in order.
    pub fn fields_of(&self, name: &str) -> Vec<String> {
        self.structs[name].clone()
    }

    /// A line for each thing that a program relies on.
    pub fn abi(&self) -> impl Iterator<Item = String> {
        let mut lines = self.defines.clone();
        for (name, constants) in &self.enums {
            lines.extend(constants.iter().map(|constant| format!("enum {name}: {constant}")));
        }
        for (name, fields) in &self.structs {
            let numbered = fields.iter().enumerate();
            lines.extend(numbered.map(|(number, field)| format!("struct {name}[{number:02}]: {field}")));
            if name != GROWING {
                lines.push(format!("struct {name} ends with field {:02}", fields.len() - 1));
            }
        }
        lines.extend(self.others.iter().cloned());
        lines.into_iter()
    }
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    // C++'s guards hold a brace each, which are no code of a C program.
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.filter(|line| !["extern \"C\" {", "}"].contains(&line.trim_end())).map(|line| format!("{line}\n")).collect()
}

/// Declarations of the outermost level, in one line each.
fn split(code: &str) -> Vec<String> {
    let mut declarations = Vec::new();
    let mut current = String::new();
    let mut depth = 0;
    for letter in code.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ';' && depth == 0 {
            declarations.push(squeezed(&std::mem::take(&mut current)));
        } else {
            current.push(letter);
        }
    }
    declarations
}

fn parts(body: &str, separator: char) -> Vec<String> {
    body.split(separator).map(squeezed).filter(|part| !part.is_empty()).collect()
}

/// With single spaces, and none where they mean nothing.
fn squeezed(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(" )", ")")
}
