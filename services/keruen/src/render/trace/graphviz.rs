//! A trace in the language of Graphviz.

use super::picture::{Picture, Shape};

/// The picture as a directed graph.
pub fn graph(picture: &Picture) -> String {
    let mut lines = vec![
        "digraph trace {".to_owned(),
        "  rankdir=LR;".to_owned(),
        "  node [shape=box, fontname=\"sans-serif\"];".to_owned(),
        "  edge [fontname=\"sans-serif\", fontsize=10];".to_owned(),
    ];
    for node in &picture.nodes {
        let look = match node.shape {
            Shape::Oval => ", shape=ellipse",
            Shape::Box => "",
            Shape::Round => ", style=rounded",
            Shape::Pill => ", shape=ellipse, style=filled, fillcolor=\"#eeeeee\"",
            Shape::Dashed => ", style=dashed",
        };
        lines.push(format!(
            "  {} [label={}{look}];",
            node.id,
            text(&node.label)
        ));
    }
    for edge in &picture.edges {
        let look = if edge.is_dashed { ", style=dashed" } else { "" };
        lines.push(format!(
            "  {} -> {} [label={}{look}];",
            edge.from,
            edge.to,
            text(&edge.label)
        ));
    }
    lines.push("}".to_owned());
    lines.join("\n")
}

/// Lines as a quoted text. Graphviz reads backslashes and HTML entities in it; nothing in a line is one.
fn text(lines: &[String]) -> String {
    let escaped = lines.iter().map(|line| {
        let mut text = String::with_capacity(line.len());
        for char in line.chars() {
            match char {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '&' => text.push_str("&amp;"),
                _ if char.is_control() => text.push('\u{fffd}'),
                _ => text.push(char),
            }
        }
        text
    });
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_ends_or_changes_it() {
        let lines = [
            "a \"b\" \\N [c] {d} <e>".to_owned(),
            "№ 5 & &lt;\n".to_owned(),
        ];
        assert_eq!(
            text(&lines),
            "\"a \\\"b\\\" \\\\N [c] {d} <e>\\n№ 5 &amp; &amp;lt;\u{fffd}\""
        );
    }
}
