use super::{Fault, File, Source, file, image, plain};
use std::borrow::Cow;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

#[track_caller]
fn check_image(url: &str, want: Result<(&str, &str), Fault>) {
    let got = image(url);
    let got = match &got {
        Ok(Source::Base64 { media_type, data }) => Ok((*media_type, data.as_ref())),
        Ok(Source::Text { .. }) => panic!("a picture is never text"),
        Err(fault) => Err(*fault),
    };
    assert_eq!(got, want, "{url}");
}

#[test]
#[rustfmt::skip]
fn the_bytes_of_a_picture_decide_about_its_type() {
    check_image(&format!("data:image/png;base64,{PNG}"),              Ok(("image/png", PNG)));
    check_image(&format!("DATA:image/jpg;x=y;BASE64,{PNG}"),          Ok(("image/png", PNG)));
    check_image("data:;base64,/9j/4AAQSkZJRg==",                      Ok(("image/jpeg", "/9j/4AAQSkZJRg==")));
    check_image("data:image/png;base64,R0lGODlhAQABAAAAACw=",         Ok(("image/gif", "R0lGODlhAQABAAAAACw=")));
    check_image("data:image/webp;base64,UklGRiQAAABXRUJQVlA4",        Ok(("image/webp", "UklGRiQAAABXRUJQVlA4")));
    check_image(PNG,                                                  Ok(("image/png", PNG)));
    check_image("data:image/png;base64;charset=utf-8,iVBORw0KGgoAAAANSUhEUg==", Ok(("image/png", PNG)));
    check_image("data:image/png;base64,PHN2ZyB4bWxucz0i",             Err(Fault::UnknownType));
    check_image("data:image/png;base64,iVA=",                         Err(Fault::UnknownType));
}

#[test]
#[rustfmt::skip]
fn base64_is_made_canonical() {
    check_image("data:image/png;base64,iVBORw0KGgoAAAANSUhEUg",       Ok(("image/png", PNG)));
    check_image("data:image/png;base64,iVBORw0K\r\nGgoAAAAN SUhEUg=", Ok(("image/png", PNG)));
    check_image("data:image/jpeg;base64,_9j_4AAQSkZJRg",              Ok(("image/jpeg", "/9j/4AAQSkZJRg==")));
    check_image("data:image/jpeg;base64,%2F9j/4AAQSkZJRg%3D%3D",      Ok(("image/jpeg", "/9j/4AAQSkZJRg==")));
    check_image("data:image/gif,GIF89a%01%00%01%00",                  Ok(("image/gif", "R0lGODlhAQABAA==")));
    check_image("data:image/gif,GIF89a%01%00%01",                     Ok(("image/gif", "R0lGODlhAQAB")));
}

#[test]
fn canonical_base64_is_not_copied() {
    let borrowed = |source: &Source<'_>| {
        matches!(
            source,
            Source::Base64 {
                data: Cow::Borrowed(_),
                ..
            }
        )
    };
    let url = format!("data:image/png;base64,{PNG}");
    assert!(image(&url).is_ok_and(|source| borrowed(&source)));
    let pdf = file("data:application/pdf;base64,JVBERi0xLjQK", None);
    assert!(matches!(pdf, Ok(File::Pdf(source)) if borrowed(&source)));
    let text = plain(Cow::Borrowed("a"));
    assert!(matches!(
        text,
        Ok(File::Text(Source::Text {
            data: Cow::Borrowed(_),
            ..
        }))
    ));
}

#[test]
#[rustfmt::skip]
fn what_is_not_a_data_url_with_base64_is_refused() {
    check_image("https://example.com/a.png",                          Err(Fault::Remote));
    check_image("HTTP://169.254.169.254/latest/meta-data",            Err(Fault::Remote));
    check_image("file:///etc/passwd",                                 Err(Fault::Unreadable));
    check_image("data:image/svg+xml,%3Csvg%3E",                       Err(Fault::UnknownType));
    check_image("data:image/gif,GIF89a%0",                            Err(Fault::Unreadable));
    check_image("data:image/gif,GIF89a%é",                            Err(Fault::Unreadable));
    check_image("data:image/gif",                                     Err(Fault::Unreadable));
    check_image("data:image/png;base64,",                             Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBOR",                        Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBO!w0K",                     Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBOéw0K",                     Err(Fault::Unreadable));
    check_image("",                                                   Err(Fault::Unreadable));
}

#[track_caller]
fn check_file(data: &str, filename: &str, want: Result<&str, Fault>) {
    let got = file(data, Some(filename));
    let got = match &got {
        Ok(
            File::Pdf(Source::Base64 { media_type, .. })
            | File::Image(Source::Base64 { media_type, .. }),
        ) => Ok(*media_type),
        Ok(File::Text(Source::Text { data, .. })) => Ok(data.as_ref()),
        Ok(File::Empty) => Ok(""),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(*fault),
    };
    assert_eq!(got, want, "{data}");
}

#[test]
#[rustfmt::skip]
fn a_file_is_pdf_picture_or_text() {
    check_file("data:application/pdf;base64,JVBERi0xLjQK", "",       Ok("application/pdf"));
    check_file("JVBERi0xLjQK",                             "a.docx", Ok("application/pdf"));
    check_file("data:text/csv;base64,YSxiCjEsMgo=",        "",       Ok("a,b\n1,2\n"));
    check_file("data:text/plain,hello%20you",              "",       Ok("hello you"));
    check_file("77u/YQ==",                                 "",       Ok("a"));
    check_file(PNG,                                        "a.pdf",  Ok("image/png"));
    check_file("ICAg",                                     "",       Ok(""));
    check_file("data:,",                                   "",       Ok(""));
    check_file("UEsDBBQAAAA=",                             "a.txt",  Err(Fault::UnknownType));
    check_file("UEsDBBQAAAA=",                             "A.DOCX", Err(Fault::Foreign("Word")));
    check_file("UEsDBBQAAAA=",                             "a.pptx", Err(Fault::Foreign("PowerPoint")));
    check_file("0M8R4KGxGuE=",                             "a.xls",  Err(Fault::Foreign("Excel")));
    check_file("aGVsbG8=",                                 "a.docx", Ok("hello"));
    check_file("/////w==",                                 "",       Err(Fault::UnknownType));
    check_file("AAAA",                                     "",       Err(Fault::UnknownType));
    check_file("https://example.com/a.pdf",                "",       Err(Fault::Remote));
    check_file("data:text/plain",                          "",       Err(Fault::Unreadable));
}

#[test]
#[rustfmt::skip]
fn a_picture_is_full_at_the_limit_and_not_before() {
    let picture = |length: usize| format!("{PNG}{}", "A".repeat(length)).replace("==", "AA");
    assert!(image(&picture(5_242_880 - PNG.len())).is_ok());
    let fault = image(&picture(5_242_880 - PNG.len() + 4)).err();
    assert_eq!(fault, Some(Fault::TooLarge { bytes: 5_242_884, most: 5_242_880 }));
}
