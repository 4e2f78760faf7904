//! The tour's table: one line a step.

use std::fmt::{self, Write};

use super::step::{Ending, Step};
use crate::console::{safe, style};

/// Widest text of the middle column.
const WIDEST: usize = 54;

/// Writes the table.
pub fn write(out: &mut dyn Write, steps: &[Step]) -> fmt::Result {
    let rows: Vec<[String; 2]> = steps
        .iter()
        .map(|step| [step.title.clone(), happened(step)])
        .collect();
    let width = |column: usize, heading: &str| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.fold(heading.len(), usize::max)
    };
    let (title, what) = (width(0, "step"), width(1, "what happened"));
    writeln!(
        out,
        "{}",
        style::paint(
            style::STRONG,
            format!(" #  {:title$}  {:what$}  verdict", "step", "what happened")
        )
    )?;
    let mut chapter = "";
    for (step, [name, text]) in steps.iter().zip(&rows) {
        if step.chapter != chapter {
            chapter = &step.chapter;
            writeln!(out, "\n    {}", style::paint(style::DIM, safe(chapter)))?;
        }
        let verdict = style::paint(colour(step.ending), step.ending.words());
        writeln!(
            out,
            "{:>2}  {:title$}  {:what$}  {verdict}",
            step.number,
            safe(name),
            safe(text)
        )?;
    }
    Ok(())
}

/// What to say when not every step ended as it should.
pub fn surprise(out: &mut dyn Write, steps: &[Step], of: usize) -> fmt::Result {
    writeln!(out, "the tour ended after {} of {of} steps", steps.len())?;
    for step in steps {
        for line in step.surprise.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  {}", safe(line))?;
        }
    }
    writeln!(
        out,
        "this should not happen: please report it with the lines above"
    )
}

/// The reason where there is one, number first, else the last line that mattered.
fn happened(step: &Step) -> String {
    let text = match (&step.reason, step.commands.last()) {
        (Some(why), _) => format!("{} {}: {}", why.code, why.name, why.sentence),
        (None, Some(ran)) => {
            let line = ran.line.as_str();
            let bare = line.strip_prefix("error: ").unwrap_or(line);
            bare.to_owned()
        }
        (None, None) => String::new(),
    };
    if text.chars().count() <= WIDEST {
        return text;
    }
    let short: String = text.chars().take(WIDEST - 3).collect();
    format!("{}...", short.trim_end())
}

fn colour(ending: Ending) -> anstyle::Style {
    match ending {
        Ending::Unexpected => style::BAD,
        _ => style::GOOD,
    }
}
