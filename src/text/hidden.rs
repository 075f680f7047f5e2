//! Hidden characters: they are invisible or change how others are displayed, so that different texts can look alike.
//!
//! They are the format characters (Cf: direction overrides, zero-width characters, tags), private-use and unassigned ones (Co, Cn) and
//! the line and paragraph separators (Zl, Zp). Zero-width joiner and non-joiner are hidden as well, except where the text needs them:
//! between letters of joining scripts (Persian, Hindi), and the joiner within an emoji.

use icu_properties::props::{BinaryProperty, EnumeratedProperty, ExtendedPictographic, GeneralCategory, Script};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// Scripts that use joiners (Unicode Standard, chapters 9 and 12 to 16).
const JOINING: [Script; 22] = [
    Script::Adlam,
    Script::Arabic,
    Script::Bengali,
    Script::Devanagari,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Kannada,
    Script::Khmer,
    Script::Malayalam,
    Script::Mandaic,
    Script::Mongolian,
    Script::Myanmar,
    Script::Nko,
    Script::Oriya,
    Script::PhagsPa,
    Script::Sinhala,
    Script::Syriac,
    Script::Tamil,
    Script::Telugu,
    Script::Thaana,
    Script::Tibetan,
    Script::HanifiRohingya,
];

/// The characters of `text`, each with whether it is hidden.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    text.char_indices().map(|(at, c)| {
        let is_hidden = || match c {
            NON_JOINER | JOINER => !is_needed(c, text.get(..at), text.get(at + c.len_utf8()..)),
            _ => is_never_shown(c),
        };
        (c, !c.is_ascii() && is_hidden())
    })
}

fn is_never_shown(c: char) -> bool {
    matches!(
        GeneralCategory::for_char(c),
        GeneralCategory::Format
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// Whether the nearest characters on both sides, marks and modifiers aside, require this joiner.
fn is_needed(joiner: char, before: Option<&str>, after: Option<&str>) -> bool {
    let before = before.and_then(|text| text.chars().rev().find(|c| !is_modifier(*c)));
    let after = after.and_then(|text| text.chars().find(|c| !is_modifier(*c)));
    let (Some(before), Some(after)) = (before, after) else { return false };
    let join = |c| JOINING.contains(&Script::for_char(c));
    let is_emoji = |c| ExtendedPictographic::for_char(c);
    join(before) && join(after) || joiner == JOINER && is_emoji(before) && is_emoji(after)
}

fn is_modifier(c: char) -> bool {
    matches!(GeneralCategory::for_char(c), GeneralCategory::NonspacingMark | GeneralCategory::ModifierSymbol)
}
