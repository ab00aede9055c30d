//! Numbers and dates as JavaScript writes them.

use std::fmt::Write as _;

/// The greatest time of a Date, in milliseconds either way of the epoch (ECMA-262, "Time Values").
const TIME_MS_MAX: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;

/// `JSON.stringify` of a number.
pub fn push_json_number(number: f64, to: &mut String) {
    if number.is_finite() {
        push_number(number, to);
    } else {
        to.push_str("null");
    }
}

/// `String` of a number.
pub fn push_number(number: f64, to: &mut String) {
    let size = number.abs();
    // Writing to a string does not fail.
    let _ = if number.is_nan() {
        to.write_str("NaN")
    } else if number.is_infinite() {
        to.write_str(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })
    } else if size == 0.0 {
        to.write_str("0")
    } else if (1e-6..1e21).contains(&size) {
        write!(to, "{number}")
    } else {
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                write!(to, "{digits}e+{exponent}")
            }
            _ => to.write_str(&text),
        }
    };
}

/// `JSON.stringify` of a Date of so many milliseconds: its ISO text, or `null` when there is no such date.
pub fn push_json_date(time_ms: f64, to: &mut String) {
    if time_ms.is_nan() || time_ms.abs() > TIME_MS_MAX {
        to.push_str("null");
        return;
    }
    let time_ms = time_ms as i64;
    let (year, month, day) = civil(time_ms.div_euclid(DAY_MS));
    let ms = time_ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    // Writing to a string does not fail.
    let _ = match year {
        0..=9999 => write!(to, "\"{year:04}"),
        _ => write!(
            to,
            "\"{}{:06}",
            if year < 0 { '-' } else { '+' },
            year.abs()
        ),
    };
    let _ = write!(
        to,
        "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z\"",
        ms % 1000
    );
}

/// Year, month and day of a day counted from the epoch (proleptic Gregorian calendar; H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let moved = (5 * of_year + 2) / 153;
    let day = of_year - (153 * moved + 2) / 5 + 1;
    let month = if moved < 10 { moved + 3 } else { moved - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
