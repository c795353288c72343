//! Measuring and showing texts: the length of a message template, codes in it, clock times, long values.

use jiff::civil::Weekday;
use unicode_properties::UnicodeEmoji;
use unicode_segmentation::UnicodeSegmentation;

/// The codes that a message may have; each is filled in per job.
const CODES: [&str; 6] = [
    "${brand}",
    "${store}",
    "${geofence}",
    "${district_state}",
    "${district_city}",
    "${district_street}",
];

/// The same, for messages.
pub(super) const ALLOWED_CODES: &str =
    "${brand}, ${store}, ${geofence}, ${district_state}, ${district_city}, ${district_street}";

/// Makes an otherwise plain sign an emoji.
const EMOJI_STYLE: char = '\u{FE0F}';

/// The length of a template as a marketer counts it: graphemes, an emoji for 2, a code for none.
pub(super) fn units(template: &str) -> usize {
    let bare = CODES.iter().fold(template.to_owned(), |text, code| text.replace(code, ""));
    bare.graphemes(true).map(|one| if is_emoji(one) { 2 } else { 1 }).sum()
}

/// The first `${…}` in a template that is no code; an unclosed one counts too.
pub(super) fn unknown_code(template: &str) -> Option<&str> {
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        rest = &rest[at..];
        let Some(code) = CODES.iter().find(|code| rest.starts_with(**code)) else {
            let end = rest.find('}').map_or(rest.len(), |end| end + 1);
            return Some(&rest[..end]);
        };
        rest = &rest[code.len()..];
    }
    None
}

/// Minutes after midnight as people write them.
pub(super) fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A weekday as campaign files write it.
pub(super) fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

/// A value short enough for a message.
pub(super) fn shortened(value: &str) -> String {
    const LONGEST: usize = 80;
    match value.char_indices().nth(LONGEST) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}

fn is_emoji(grapheme: &str) -> bool {
    let shown_as_one = |one: char| one == EMOJI_STYLE || presents_as_emoji(one);
    grapheme.chars().any(shown_as_one)
}

fn presents_as_emoji(one: char) -> bool {
    use unicode_properties::EmojiStatus::{
        EmojiPresentation, EmojiPresentationAndEmojiComponent,
        EmojiPresentationAndModifierAndEmojiComponent, EmojiPresentationAndModifierBase,
    };
    matches!(
        one.emoji_status(),
        EmojiPresentation
            | EmojiPresentationAndModifierBase
            | EmojiPresentationAndEmojiComponent
            | EmojiPresentationAndModifierAndEmojiComponent
    )
}
