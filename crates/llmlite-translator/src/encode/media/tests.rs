use super::{Fault, Source, file, image, title};

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
    check_image("data:image/png;base64,PHN2ZyB4bWxucz0i",             Err(Fault::UnknownType));
    check_image("data:image/png;base64,iVA=",                         Err(Fault::UnknownType));
}

#[test]
#[rustfmt::skip]
fn base64_is_made_canonical() {
    check_image("data:image/png;base64,iVBORw0KGgoAAAANSUhEUg",       Ok(("image/png", PNG)));
    check_image("data:image/png;base64,iVBORw0K\r\nGgoAAAAN SUhEUg=", Ok(("image/png", PNG)));
    check_image("data:image/jpeg;base64,_9j_4AAQSkZJRg",              Ok(("image/jpeg", "/9j/4AAQSkZJRg==")));
}

#[test]
#[rustfmt::skip]
fn what_is_not_a_data_url_with_base64_is_refused() {
    check_image("https://example.com/a.png",                          Err(Fault::Remote));
    check_image("HTTP://169.254.169.254/latest/meta-data",            Err(Fault::Remote));
    check_image("file:///etc/passwd",                                 Err(Fault::Unreadable));
    check_image("data:image/svg+xml,%3Csvg%3E",                       Err(Fault::Unreadable));
    check_image("data:image/png;base64,",                             Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBOR",                        Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBO!w0K",                     Err(Fault::Unreadable));
    check_image("data:image/png;base64,iVBOéw0K",                     Err(Fault::Unreadable));
    check_image("",                                                   Err(Fault::Unreadable));
}

#[track_caller]
fn check_file(data: &str, want: Result<&str, Fault>) {
    let got = file(data);
    let got = match &got {
        Ok(Source::Base64 { media_type, .. }) => Ok(*media_type),
        Ok(Source::Text { data, .. }) => Ok(data.as_str()),
        Err(fault) => Err(*fault),
    };
    assert_eq!(got, want, "{data}");
}

#[test]
#[rustfmt::skip]
fn a_file_is_pdf_or_text() {
    check_file("data:application/pdf;base64,JVBERi0xLjQK", Ok("application/pdf"));
    check_file("JVBERi0xLjQK",                             Ok("application/pdf"));
    check_file("data:text/csv;base64,YSxiCjEsMgo=",        Ok("a,b\n1,2\n"));
    check_file("UEsDBBQAAAA=",                             Err(Fault::UnknownType));
    check_file("/////w==",                                 Err(Fault::UnknownType));
    check_file("ICAg",                                     Err(Fault::UnknownType));
    check_file("https://example.com/a.pdf",                Err(Fault::Unreadable));
    check_file("data:text/plain,hello",                    Err(Fault::Unreadable));
}

#[test]
fn a_title_is_clean_and_short() {
    assert_eq!(title(" a\n.pdf\u{7} "), Some("a.pdf".to_owned()));
    assert_eq!(title("\t"), None);
    assert_eq!(
        title(&"é".repeat(300)).map(|title| title.chars().count()),
        Some(200)
    );
}
