//! What a parser would keep: long texts, long tags, and what hides them.

use super::markup::{Markup, Rules, Unfit};

const RUN: usize = 10_000;
const RULES: Rules = Rules { run: RUN, tags: 9, strange: &["sheet"] };

fn look(bytes: &[u8]) -> Result<(), Unfit> {
    let mut markup = Markup::new(RULES);
    // Chunk by chunk, since tags lie over their borders.
    bytes.chunks(7).try_for_each(|chunk| markup.look(chunk))
}

fn between(start: &str, fill: usize, end: &str) -> Vec<u8> {
    [start.as_bytes(), &vec![b'x'; fill], end.as_bytes()].concat()
}

#[test]
fn tags_are_counted() {
    let text = b"<?xml version=\"1.0\"?><a b='>' c=\"'\"><d/>text > text</a>";
    assert_eq!(look(text), Ok(()));
    assert_eq!(look(b""), Ok(()));
    assert_eq!(look(&b"<a/>".repeat(9)), Ok(()));
    assert_eq!(look(&b"<a/>".repeat(10)), Err(Unfit::Many));
    let mut markup = Markup::new(RULES);
    markup.look(text).unwrap();
    assert_eq!(markup.first(), b"a b='>' c=\"'\">");
}

#[test]
fn a_text_or_a_tag_may_be_so_long_and_no_longer() {
    for (start, end) in
        [("<a>", "</a>"), ("<a ", "></a>"), ("<a b='", "'></a>"), ("<?a ", "?><a/>")]
    {
        assert!(look(&between(start, RUN - 20, end)).is_ok(), "{start}");
        assert_eq!(look(&between(start, RUN, end)), Err(Unfit::Long), "{start}");
    }
}

#[test]
fn nothing_hides_a_text() {
    for declaration in ["<!-- < < -->", "<![CDATA[<]]>", "<!DOCTYPE a>"] {
        assert_eq!(look(declaration.as_bytes()), Err(Unfit::Declaration), "{declaration}");
    }
    for nested in ["<a b='<'>", "<a <b>", "<<a>", "<?a > < ?>"] {
        assert_eq!(look(nested.as_bytes()), Err(Unfit::Nested), "{nested}");
    }
}

#[test]
fn texts_that_are_put_together_count_together() {
    let rules = Rules { tags: u64::MAX, ..RULES };
    let look = |text: &str| Markup::new(rules).look(text.as_bytes());
    let run = format!("<r><t>{}</t></r>", "x".repeat(1_000));
    let all = |start: &str, end: &str| format!("{start}{}{end}", run.repeat(12));
    for (start, end) in [("<is>", "</is>"), ("<x:si a='b'>", "</x:si>"), ("<v>", "</v >")] {
        assert_eq!(look(&all(start, end)), Err(Unfit::Long), "{start}");
        let few = format!("{start}{}{end}", run.repeat(6));
        assert_eq!(look(&few.repeat(9)), Ok(()), "{start}");
    }
    // Neither an empty element nor another's end is the end of this one.
    for inside in ["<is/>", "</t>", "</is x>", "<is>"] {
        let text = format!("<is>{}</is>", format!("{run}{inside}").repeat(12));
        assert_eq!(look(&text), Err(Unfit::Long), "{inside}");
    }
    assert_eq!(look(&all("<other>", "</other>")), Ok(()));
}

#[test]
fn tags_of_other_parts_are_strange() {
    for text in ["<sheet/>", "<x:sheet name='a'>", "</sheet>"] {
        assert_eq!(look(text.as_bytes()), Err(Unfit::Strange), "{text}");
    }
    assert_eq!(look(b"<sheets><sheetData>sheet</sheetData></sheets>"), Ok(()));
}
