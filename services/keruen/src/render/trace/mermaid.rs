//! A trace in the language of Mermaid.

use std::fmt::Write as _;

use super::picture::{Picture, Shape};

/// The picture as a flowchart.
pub fn graph(picture: &Picture) -> String {
    let mut lines = vec!["flowchart LR".to_owned()];
    for node in &picture.nodes {
        let (open, close) = match node.shape {
            Shape::Oval | Shape::Pill => ("([", "])"),
            Shape::Box => ("[", "]"),
            Shape::Round => ("(", ")"),
            Shape::Dashed => ("[/", "/]"),
        };
        lines.push(format!("  {}{open}{}{close}", node.id, text(&node.label)));
    }
    for edge in &picture.edges {
        let line = if edge.is_dashed { "-.->" } else { "-->" };
        let label = if edge.label.is_empty() {
            String::new()
        } else {
            format!("|{}|", text(&edge.label))
        };
        lines.push(format!("  {} {line}{label} {}", edge.from, edge.to));
    }
    lines.join("\n")
}

/// Lines as a quoted text. Within quotes Mermaid still reads entity codes, Markdown, HTML, comments and directives: all
/// but letters, digits and a few signs become entity codes.
fn text(lines: &[String]) -> String {
    let escaped = lines.iter().map(|line| {
        let mut text = String::with_capacity(line.len());
        for char in line.chars() {
            let is_first = text.is_empty();
            match char {
                ' ' | ',' | '·' | '→' | '…' => text.push(char),
                // At the start of a line it makes a list.
                '-' if !is_first => text.push(char),
                _ if char.is_alphanumeric() => text.push(char),
                _ => {
                    let char = if char.is_control() { '\u{fffd}' } else { char };
                    // Writing to a string can't fail.
                    let _ = write!(text, "#{};", u32::from(char));
                }
            }
        }
        text
    });
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("<br/>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_ends_or_changes_it() {
        let lines = [
            "- \"Жезқазған\" #5 [a|b] style:x;".to_owned(),
            "%%{init} `c` <b>_d_</b>\n".to_owned(),
        ];
        let label = text(&lines);
        assert_eq!(
            label,
            "\"#45; #34;Жезқазған#34; #35;5 #91;a#124;b#93; style#58;x#59;<br/>\
             #37;#37;#123;init#125; #96;c#96; #60;b#62;#95;d#95;#60;#47;b#62;#65533;\""
        );
    }
}
