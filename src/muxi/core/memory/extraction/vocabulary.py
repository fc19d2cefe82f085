"""Closed lists of words that rules need, and the forms in which their members are kept."""

from __future__ import annotations


def _lines(text: str) -> frozenset[str]:
    return frozenset(name.strip() for line in text.splitlines() for name in line.split(",") if name.strip())


#: Countries in small letters, without "the".
COUNTRIES = _lines("""
afghanistan, albania, algeria, andorra, angola, argentina, armenia, australia, austria, azerbaijan, bahamas, bahrain
bangladesh, barbados, belarus, belgium, belize, benin, bhutan, bolivia, bosnia, botswana, brazil, brunei, bulgaria
cambodia, cameroon, canada, chad, chile, china, colombia, costa rica, croatia, cuba, cyprus, czechia, czech republic
denmark, dominican republic, ecuador, egypt, el salvador, england, eritrea, estonia, ethiopia, fiji, finland, france
gabon, gambia, georgia, germany, ghana, great britain, greece, guatemala, guinea, haiti, honduras, hungary, iceland
india, indonesia, iran, iraq, ireland, israel, italy, ivory coast, jamaica, japan, jordan, kazakhstan, kenya, kosovo
kuwait, kyrgyzstan, laos, latvia, lebanon, liberia, libya, liechtenstein, lithuania, luxembourg, madagascar, malawi
malaysia, maldives, mali, malta, mauritius, mexico, moldova, monaco, mongolia, montenegro, morocco, mozambique
myanmar, namibia, nepal, netherlands, new zealand, nicaragua, niger, nigeria, north macedonia, northern ireland
norway, oman, pakistan, palestine, panama, paraguay, peru, philippines, poland, portugal, qatar, romania, russia
rwanda, samoa, saudi arabia, scotland, senegal, serbia, singapore, slovakia, slovenia, somalia, south africa
south korea, spain, sri lanka, sudan, sweden, switzerland, syria, taiwan, tajikistan, tanzania, thailand, togo
trinidad, tunisia, turkey, uganda, ukraine, united arab emirates, united kingdom, united states, uruguay, usa, us
uk, uae, u.s, u.s.a, u.k, uzbekistan, venezuela, vietnam, wales, yemen, zambia, zimbabwe
""")

#: States and provinces in small letters; those that are better known as cities are left out.
REGIONS = _lines("""
alabama, alaska, arizona, arkansas, california, colorado, connecticut, delaware, florida, hawaii, idaho, illinois
indiana, iowa, kansas, kentucky, louisiana, maine, maryland, massachusetts, michigan, minnesota, mississippi
missouri, montana, nebraska, nevada, new hampshire, new jersey, new mexico, north carolina, north dakota, ohio
oklahoma, oregon, pennsylvania, rhode island, south carolina, south dakota, tennessee, texas, utah, vermont
virginia, west virginia, wisconsin, wyoming, alberta, british columbia, manitoba, new brunswick, newfoundland
nova scotia, ontario, saskatchewan, bavaria, catalonia, andalusia, tuscany, sicily, provence, brittany, normandy
queensland, tasmania, new south wales, kerala, punjab, gujarat, rajasthan, ca, tx, fl, wa, il, pa, oh, ga, nc, mi
nj, va, az, ma, tn
""")

#: Languages as they are kept; looked up in any letter case.
LANGUAGES = {
    name.lower(): name
    for name in _lines("""
Afrikaans, Albanian, Amharic, Arabic, Armenian, Basque, Bengali, Bosnian, Bulgarian, Burmese, Cantonese, Catalan
Chinese, Croatian, Czech, Danish, Dutch, English, Esperanto, Estonian, Farsi, Finnish, Flemish, French, Galician
Georgian, German, Greek, Gujarati, Hausa, Hebrew, Hindi, Hungarian, Icelandic, Igbo, Indonesian, Irish, Italian
Japanese, Kannada, Kazakh, Khmer, Korean, Kurdish, Latin, Latvian, Lithuanian, Malay, Malayalam, Maltese, Mandarin
Marathi, Mongolian, Nepali, Norwegian, Pashto, Persian, Polish, Portuguese, Punjabi, Romanian, Russian, Serbian
Sinhala, Slovak, Slovenian, Somali, Spanish, Swahili, Swedish, Swiss German, Tagalog, Tamil, Telugu, Thai, Turkish
Ukrainian, Urdu, Uzbek, Vietnamese, Welsh, Wolof, Yoruba, Zulu, American Sign Language, Sign Language
""")
}

#: What a capital letter after "I'm" may also be: a people, a faith, a mood, a state; not a name.
NO_NAMES = _lines("""
american, african, asian, european, australian, canadian, british, english, scottish, welsh, irish, french, german
austrian, swiss, italian, spanish, portuguese, dutch, belgian, danish, swedish, norwegian, finnish, icelandic
polish, czech, slovak, hungarian, romanian, bulgarian, greek, turkish, russian, ukrainian, serbian, croatian
bosnian, albanian, estonian, latvian, lithuanian, georgian, armenian, israeli, jewish, arab, arabic, egyptian
moroccan, tunisian, iranian, persian, iraqi, syrian, lebanese, saudi, indian, pakistani, bengali, nepali, chinese
japanese, korean, vietnamese, thai, filipino, indonesian, malaysian, singaporean, taiwanese, mexican, brazilian
argentinian, chilean, colombian, peruvian, venezuelan, cuban, jamaican, nigerian, kenyan, ghanaian, ethiopian
somali, muslim, catholic, protestant, buddhist, hindu, christian, atheist, orthodox, mormon, hispanic, latino
latina, black, white, gay, lesbian, bi, trans, queer, straight, happy, sad, sorry, glad, sure, fine, ok, okay, good
great, well, back, done, ready, here, there, home, late, tired, busy, sick, ill, bored, excited, new, lost, stuck
free, afraid, aware, not, so, very, just, still, also, always, never, now, off, on, in, at, vegan, vegetarian
diabetic, allergic, married, single, divorced, engaged, pregnant, retired, unemployed, team, head, chief, senior
junior, lead, director, manager, president, ceo, cto, cfo, hr, it, utc, gmt, cet, est, pst, what, who, why, how
when, where, which, this, that, a, an, the, going, looking, trying, using, working, living, from, undefined, null
none, unknown, confirmed, verified, secret, private, important, everything, nothing, mr, mrs, god, dad, mom, monday
tuesday, wednesday, thursday, friday, saturday, sunday, batman, yes, no, thanks, please, hello, hi
""")

#: Words after "moved to" or "live in" that are no place, though they may be written like one.
NO_PLACES = _lines("""
linux, windows, mac, macos, android, ios, python, rust, java, javascript, postgres, postgresql, mysql, mongodb
github, gitlab, slack, zoom, gmail, google, chrome, firefox, safari, excel, notion, netflix, spotify, kubernetes
docker, aws, azure, january, february, march, april, may, june, july, august, september, october, november, december
spring, summer, autumn, fall, winter, monday, tuesday, wednesday, thursday, friday, saturday, sunday, hell, heaven
peace, fear, hope, pain, harmony, chaos, poverty, silence, town, college, school, sales, marketing, management
english, french, german, spanish, plan, step, chapter, phase, level, part, abroad, alone, downtown, nearby, dorms
uni, university
""")

#: The last word of an occupation.
OCCUPATIONS = _lines("""
accountant, actor, actress, actuary, administrator, advisor, adviser, agent, analyst, anesthesiologist, animator
anthropologist, apprentice, archaeologist, architect, archivist, artist, assistant, associate, astronaut, astronomer
attorney, auditor, author, baker, banker, barber, barista, bartender, biologist, blacksmith, blogger, bookkeeper
bookseller, botanist, bricklayer, broker, builder, butcher, buyer, caregiver, carer, caretaker, carpenter, cashier
ceo, cfo, chauffeur, chef, chemist, chiropractor, civil servant, cleaner, clerk, coach, comedian, composer
conductor, consultant, contractor, cook, coordinator, copywriter, counselor, counsellor, courier, cto, curator
dancer, dentist, dermatologist, designer, detective, developer, devops, dietitian, director, dispatcher, diver, dj
doctor, driver, economist, editor, educator, electrician, engineer, entrepreneur, epidemiologist, estimator
executive, farmer, filmmaker, firefighter, fisherman, florist, forester, founder, co-founder, cofounder, freelancer
gardener, geologist, geophysicist, goldsmith, graphic designer, guard, guide, hairdresser, historian, homemaker
host, housekeeper, hr, illustrator, inspector, instructor, intern, interpreter, inventor, investor, janitor, jeweler
joiner, journalist, judge, laborer, landscaper, lawyer, lecturer, librarian, lifeguard, linguist, lobbyist
locksmith, machinist, magician, mailman, manager, marketer, mason, mathematician, mechanic, mediator, meteorologist
midwife, miner, minister, model, musician, nanny, neurologist, neuroscientist, notary, novelist, nurse, nutritionist
officer, operator, optician, optometrist, owner, painter, paralegal, paramedic, pastor, pathologist, pediatrician
pharmacist, philosopher, photographer, physician, physicist, physiotherapist, pianist, pilot, planner, plumber, poet
policeman, policewoman, politician, porter, postdoc, postman, potter, priest, principal, producer, professor
programmer, prosecutor, psychiatrist, psychologist, publicist, publisher, radiologist, rancher, realtor
receptionist, recruiter, referee, reporter, representative, researcher, roofer, sailor, salesman, salesperson
saleswoman, scientist, sculptor, seamstress, secretary, seller, sergeant, server, shepherd, singer, social worker
sociologist, soldier, solicitor, songwriter, specialist, statistician, steward, stewardess, student, stylist
superintendent, supervisor, surgeon, surveyor, tailor, teacher, technician, tester, therapist, trader, trainee
trainer, translator, treasurer, tutor, undertaker, upholsterer, usher, vet, veterinarian, videographer, violinist
waiter, waitress, warden, watchmaker, web designer, welder, writer, youtuber, zookeeper, zoologist, phd student
sysadmin, handyman, housewife, stay-at-home mom, stay-at-home dad
""")
#: What stands for an occupation of its own after "head of", "director of".
LEADERS = _lines("head, director, vp, vice president, chief, manager, president, chair, professor, dean, secretary")

#: Time zones by how people call them.
TIME_ZONES = {
    "pacific": "America/Los_Angeles",
    "mountain": "America/Denver",
    "central": "America/Chicago",
    "eastern": "America/New_York",
    "central european": "Europe/Paris",
    "eastern european": "Europe/Athens",
    "western european": "Europe/Lisbon",
    "british": "Europe/London",
    "uk": "Europe/London",
    "indian": "Asia/Kolkata",
    "india standard": "Asia/Kolkata",
    "japan": "Asia/Tokyo",
    "japan standard": "Asia/Tokyo",
    "singapore": "Asia/Singapore",
    "china": "Asia/Shanghai",
}

#: Relations of which one has one, by the words for them, and those of which one may have more.
ONE_OF = {
    **{"wife": "wife", "husband": "husband", "spouse": "spouse", "partner": "partner", "girlfriend": "girlfriend"},
    **{"boyfriend": "boyfriend", "fiancé": "fiance", "fiancée": "fiance", "fiance": "fiance", "fiancee": "fiance"},
    **{"mother": "mother", "mom": "mother", "mum": "mother", "mama": "mother", "father": "father", "dad": "father"},
    **{"boss": "boss", "manager": "manager", "supervisor": "manager"},
}
MANY_OF = {
    **{"son": "son", "daughter": "daughter", "child": "child", "kid": "child", "baby": "child", "brother": "brother"},
    **{"sister": "sister", "friend": "friend", "colleague": "colleague", "coworker": "colleague", "cousin": "cousin"},
    **{"co-worker": "colleague", "uncle": "uncle", "aunt": "aunt", "nephew": "nephew", "niece": "niece"},
    **{"grandmother": "grandmother", "grandma": "grandmother", "grandfather": "grandfather", "grandpa": "grandfather"},
    **{"roommate": "roommate", "flatmate": "roommate", "twin": "sibling", "stepson": "stepson"},
    **{"stepdaughter": "stepdaughter", "grandson": "grandson", "granddaughter": "granddaughter"},
}
PETS = _lines(
    "dog, cat, puppy, kitten, horse, pony, rabbit, bunny, hamster, parrot, bird, fish, turtle, tortoise, snake"
)
