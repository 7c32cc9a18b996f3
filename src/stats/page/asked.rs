//! What a request asks the page for, by its query. What is not understood is as if it were not there.

use std::cmp::Ordering;

use super::shown;
use crate::stats::form::{encode, pairs};
use crate::stats::{Column, Row, Value};

/// Longest filter. Characters.
const LONGEST_FILTER: usize = 200;
/// Most pages: more upstreams than there may be.
const PAGES: std::ops::RangeInclusive<usize> = 1..=100_000;
/// How often a page without script may ask to be loaded. Seconds.
const REFRESH: std::ops::RangeInclusive<u32> = 1..=3600;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `q`: words that must all be in a row's names or state.
    pub(super) filter: String,
    /// `sort`: a column, by HAProxy's name, `-` before it: the largest first.
    pub(super) sort: Option<Sort>,
    /// `refresh`: seconds after which a browser without script loads the page again.
    pub(super) refresh: Option<u32>,
    /// `page`: which part of the upstreams, from 0.
    pub(super) page: usize,
}

/// An order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: Column,
    pub(super) direction: Direction,
}

/// Which come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

impl Asked {
    /// Reads a query.
    pub(crate) fn read(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs(query.unwrap_or_default()) {
            match &*name {
                "q" => asked.filter = value.trim().chars().take(LONGEST_FILTER).collect(),
                "sort" => asked.sort = Sort::read(&value),
                "refresh" => asked.refresh = value.parse().ok().filter(|seconds| REFRESH.contains(seconds)),
                "page" => asked.page = value.parse().ok().filter(|page| PAGES.contains(page)).unwrap_or(1) - 1,
                _ => {}
            }
        }
        asked
    }

    /// The target of a request that asks for this.
    pub(crate) fn target(&self) -> String {
        let Self { filter, sort, refresh, page } = self;
        let filter = (!filter.is_empty()).then(|| format!("q={}", encode(filter)));
        let sort = sort.map(|sort| format!("sort={}", sort.word()));
        let refresh = refresh.map(|seconds| format!("refresh={seconds}"));
        let page = (*page > 0).then(|| format!("page={}", page + 1));
        let query: Vec<_> = [filter, sort, refresh, page].into_iter().flatten().collect();
        if query.is_empty() { "/stats".to_owned() } else { format!("/stats?{}", query.join("&")) }
    }

    /// The same in another order: what a click on the head of a column asks for.
    pub(super) fn sorted_by(&self, column: Column) -> Self {
        let is_name = matches!(column, Column::Svname | Column::Status);
        let first = if is_name { Direction::Ascending } else { Direction::Descending };
        let direction = match self.sort {
            Some(sort) if sort.column == column => sort.direction.turned(),
            Some(_) | None => first,
        };
        Self { sort: Some(Sort { column, direction }), page: 0, ..self.clone() }
    }

    /// Whether all words are in `text`.
    pub(super) fn finds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

impl Direction {
    fn turned(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl Sort {
    fn read(word: &str) -> Option<Self> {
        let (direction, name) = match word.strip_prefix('-') {
            Some(name) => (Direction::Descending, name),
            None => (Direction::Ascending, word),
        };
        let column = shown::sortable().find(|column| column.name() == name)?;
        Some(Self { column, direction })
    }

    pub(super) fn word(self) -> String {
        let sign = match self.direction {
            Direction::Ascending => "",
            Direction::Descending => "-",
        };
        format!("{sign}{}", self.column.name())
    }

    /// Which of two rows comes first. Rows without the value come last.
    pub(super) fn compare(self, one: &Row, other: &Row) -> Ordering {
        match (one.get(self.column), other.get(self.column)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) => match self.direction {
                Direction::Ascending => order(one, other),
                Direction::Descending => order(other, one),
            },
        }
    }
}

fn order(one: &Value, other: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Number(number) => Some(i128::from(*number)),
        Value::Signed(number) => Some(i128::from(*number)),
        Value::Text(_) => None,
    };
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        (one, other) => number(one).cmp(&number(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_written() {
        for target in [
            "/stats",
            "/stats?q=a%26b%20c",
            "/stats?q=x&sort=-stot&refresh=5",
            "/stats?sort=stot&page=3",
            "/stats?sort=svname",
        ] {
            assert_eq!(Asked::read(target.split_once('?').map(|(_, query)| query)).target(), target);
        }
        for nothing in [
            "",
            "sort=nonsense",
            "sort=-",
            "refresh=0",
            "refresh=x",
            "refresh=99999",
            "page=0",
            "page=1",
            "page=x",
            "page=999999999",
            "q=+",
            "%=%&&=",
        ] {
            assert_eq!(Asked::read(Some(nothing)), Asked::default(), "{nothing}");
        }
        let long = format!("q={}", "x".repeat(5000));
        assert_eq!(Asked::read(Some(&long)).filter.len(), LONGEST_FILTER);
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let once = Asked::default().sorted_by(Column::Stot);
        assert_eq!(once.target(), "/stats?sort=-stot");
        assert_eq!(once.sorted_by(Column::Stot).target(), "/stats?sort=stot");
        assert_eq!(once.sorted_by(Column::Svname).target(), "/stats?sort=svname");
    }

    #[test]
    fn all_words_must_be_found() {
        let asked = Asked::read(Some("q=SHOP+down"));
        assert!(asked.finds("shop_svc_web_80 10.0.0.1:80 DOWN"));
        assert!(!asked.finds("shop_svc_web_80 10.0.0.1:80 UP"));
        assert!(Asked::default().finds(""));
    }
}
