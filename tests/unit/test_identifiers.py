"""Direct identifiers are recognised, and answers are not."""

import pytest

from learning_survey.identifiers import harmless, identifier_kind, kind_by_content

NAMED = {
    "e-mail address": [
        "Email",
        "E-mail",
        "RecipientEmail",
        "Email Address",
        "Your e-mail address",
        "student_email",
        "Mail",
    ],
    "IP address": ["IPAddress", "IP Address", "ip_address", "IP", "ipaddr", "User IP"],
    "coordinates": ["LocationLatitude", "LocationLongitude", "Latitude", "lng", "GPS coordinates"],
    "phone number": ["Phone", "Telephone", "mobile number", "Mobile", "Parent phone", "PhoneNumber", "Tel."],
    "date of birth": [
        "DOB",
        "Date of birth",
        "birthdate",
        "BirthDate",
        "Student birthday",
        "When were you born?",
        "Geburtsdatum",
    ],
    "postal address": ["Postcode", "post code", "ZIP", "Zip Code", "Home address", "Address line 1"],
    "name": [
        "Name",
        "First name",
        "RecipientFirstName",
        "RecipientLastName",
        "Surname",
        "Student Name",
        "username",
        "Nickname",
        "SubmitterName",
        "Sibling names",
        "Known as",
        "Vorname",
        "Snapchat name",
    ],
    "official number": ["UPN", "ULN", "NHS number"],
    "data about the recipient": ["Custom Data", "Custom Data 1", "ExternalReference", "ExternalDataReference"],
    "free text": [
        "Comments",
        "Any comments?",
        "Open-Ended Response",
        "Feedback",
        "Other (please specify)",
        "Tell us more",
    ],
}
NAMED["device"] = ["deviceid", "IMEI", "User Agent"]
INNOCENT = [
    *(
        "age",
        "Age",
        "school_id",
        "School",
        "School name",
        "Class name",
        "file name",
        "response_id",
        "Respondent ID",
        "id",
    ),
    *("gender", "Year group", "StartDate", "EndDate", "Duration (in seconds)", "Finished", "UserLanguage", "status"),
    *("My teachers know my name and who I am.", "I can address a problem in more than one way.", "q1_1", "Q12[SQ003]"),
    *("I feel good about my phone being locked away at school.", "Web address", "Collector ID", "Progress", "d1_1", ""),
    *("Participation", "Relationships", "shipment", "Ability", "platform", "Long division", "country", "Slate", "tip"),
]


@pytest.mark.parametrize(("kind", "header"), [(k, h) for k, headers in NAMED.items() for h in headers])
def test_a_column_is_recognised_by_its_name(kind, header):
    assert identifier_kind(header) == kind


def test_a_question_that_asks_for_an_identifier_is_recognised():
    assert identifier_kind("Q3", "What is your full name?") == "name"
    assert identifier_kind("Q3", "Please enter your e-mail address if you want to hear from us") == "e-mail address"
    assert identifier_kind("Q3", "Please tell us the first half of your home postcode.") == "postal address"


@pytest.mark.parametrize("header", INNOCENT)
def test_other_names_are_not_taken_for_identifiers(header):
    assert identifier_kind(header, header, ["1", "2", "3"]) is None


NAMES = [
    *(
        "Emma Smith",
        "Tom O'Neill",
        "Ana María López",
        "Jean-Luc Martin",
        "Zoë Wood",
        "Ali Khan",
        "Li Wei",
        "Kofi Mensah",
    ),
    *("Maya de Souza", "Ben J. Carter", "Élodie Roux", "Sara Jones"),
]
COMMENTS = ["I like it here a lot really", "More time for sport would be good please", "Nothing to say about this one"]
CONTENT = {
    "e-mail address": ["tom@school.example", "A.B+c@mail.example.org", "x_y@z.co.uk"],
    "IP address": ["192.0.2.17", "198.51.100.4", "2001:db8::7", "2001:0db8:0:0:0:0:0:1"],
    "coordinates": [
        "51.5074, -0.1278",
        "(40.71,-74.00)",
        "-33.868; 151.209",
        "51.5074 -0.1278 11.2 4",
        "51°30'26\"N 0°7'39\"W",
    ],
    "phone number": ["+44 7700 900123", "07700 900456", "(020) 7946 0958", "0044 7700 900789", "212-555-0143"],
    "postal address": ["SW1A 1AA", "m1 1ae", "EC1A1BB", "12 High Street, Oxford"],
    "official number": ["A123456789012", "AB123456C", "AB 12 34 56 C", "123-45-6789"],
    "device": ["00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7"],
    "link": ["https://forms.example.org/files/7.jpg"],
    "date of birth": ["2008-03-01", "2009-11-30", "2011-07-15", "2012-01-02", "2006-05-05"],
    "free text": [*COMMENTS, "the teachers help me when I am stuck", "no"],
    "name": NAMES,
}
ORDINARY = {
    "ages": [str(n) for n in range(5, 19)] * 3,
    "codes": list("12345") * 8,
    "labels": ["Strongly agree", "Agree", "Neither agree nor disagree", "Disagree", "Strongly disagree"] * 6,
    "long labels": ["I do this almost all of the time", "I do this once in a while", "I have never done this at all"]
    * 9,
    "title case labels": ["Strongly Agree", "Mostly Agree", "Slightly Agree", "Slightly Disagree", "Mostly Disagree"]
    * 5,
    "school ids": [f"school-{k:03d}" for k in range(40)],
    "urns": [str(100000 + 37 * k) for k in range(40)],
    "school names": [
        f"{w} Primary School" for w in ("Hill", "Oak", "Elm", "Ash", "Ivy", "Bay", "Lake", "Dale", "Ford", "Moor")
    ],
    "ids": [f"R_{k:x}AbC9" for k in range(40)] + ["ID-2021-000123", "rsp00012"],
    "long numbers": [str(11_400_000_000 + k) for k in range(40)],
    "times": ["2021-06-15 10:22:33", "2021-06-15T10:22:33Z", "10:22:33"] * 9,
    "dates": ["2021-06-15", "2021-06-16", "15/06/2021", "2022-01-02"] * 9,
    "decimals": ["0.1234567890", "12.5", "-0.25", "3.14159265", "+1.2345678901"] * 5,
    "versions": ["1.2.3", "10.4", "v2.0.1"] * 5,
    "countries": [
        "England",
        "New Zealand",
        "South Africa",
        "Wales",
        "France",
        "Spain",
        "Italy",
        "Peru",
        "Chad",
        "Oman",
        "Mali",
    ],
    "nothing": ["", " "],
}


@pytest.mark.parametrize("kind", CONTENT)
def test_a_column_is_recognised_by_its_content(kind):
    assert identifier_kind("Q7", "", CONTENT[kind]) == kind
    assert kind_by_content([*CONTENT[kind], "", "  "]) == kind


@pytest.mark.parametrize("what", ORDINARY)
def test_ordinary_content_is_not_taken_for_identifiers(what):
    assert identifier_kind("Q7", "A question", ORDINARY[what]) is None
    assert kind_by_content(sorted(set(ORDINARY[what]))) is None or what == "long labels"


def test_a_few_addresses_among_answers_are_seen():
    assert kind_by_content(["Agree"] * 50 + CONTENT["e-mail address"]) == "e-mail address"
    assert kind_by_content(["Agree"] * 50 + CONTENT["e-mail address"][:1]) is None


BORN = [
    ["01/03/08", "30/11/09", "15/07/11", "02/01/12"],
    ["20080301", "20091130", "20110715", "20120102"],
    ["March 1, 2008", "November 30, 2009", "July 15, 2011", "January 2, 2012"],
    ["Saturday, March 1, 2008", "Monday, November 30, 2009", "Friday, July 15, 2011", "Monday, January 2, 2012"],
    ["1st March 2008", "30th November 2009", "15 July 2011", "2nd January 2012"],
    ["2008-03-01T00:00:00.000Z", "2009-11-30T00:00:00.000Z", "2011-07-15T00:00:00.000Z", "2012-01-02T00:00:00.000Z"],
]
USERS = [
    "ada.king",
    "ben.wu",
    "cleo.hall",
    "dan_ray",
    "eve.moss",
    "finn.lee",
    "gus.oak",
    "hal.ives",
    "ida.tan",
    "jo.may",
]
ALIKE = {
    "name": [
        USERS,
        [f"{last}, {first}" for first, _, last in (name.partition(" ") for name in NAMES)],
        ["Miss Gray", "Mr Khan", "Dr Hill"],
        ["@ada_k", "@ben.w", "@cleo7"],
    ],
    "official number": [["9434765919", "4010232137", "1234567881", "9876543210", "4505577104"]],
    "phone number": [[f"77009001{k:02d}" for k in range(10)], [f"4477009001{k:02d}" for k in range(10)]],
    "date of birth": BORN,
}


@pytest.mark.parametrize(("kind", "cells"), [(kind, cells) for kind, lists in ALIKE.items() for cells in lists])
def test_texts_that_are_all_alike_are_recognised(kind, cells):
    assert kind_by_content(cells) == kind and not all(map(harmless, cells))


def test_ten_digits_are_a_health_number_only_where_all_have_its_check_digit():
    assert kind_by_content([f"94347659{k}9" for k in range(10)]) is None
    assert kind_by_content(["9434765919", *(f"{k}434765919" for k in range(1, 9))]) is None
