"""Pairs of articles by two sources, as trade press, agencies and companies write them: of one story, and of two.

Each is (title, lead) twice.  They are what the thresholds of digest/edition/likeness.py were measured on.
"""

# ruff: noqa: E501  a pair stands on a line, where it can be compared

Words = tuple[str, str]

_SMC = (
    "SMC lanserar en ny serie membrantorkar för tryckluft. Den nya tekniken sänker energiförbrukningen med upp till "
    "30 procent och ger en jämn daggpunkt även vid stora variationer i flödet. Serien IDG finns från mars i Sverige."
)
_XIAOMI = (
    "Den snabbväxande mobiltillverkaren Xiaomi växer snabbt över hela världen. Men ingenstans har tillväxten varit så "
    "snabb som i Afrika. En kampanj över flera av kontinentens länder har fått starkt genomslag."
)
_ACME = (
    "Acme Robotics, a maker of warehouse robots, said on Monday it had agreed to buy Beta Vision for $45 million in cash. "
    "The deal is expected to close in the first quarter and will add 120 engineers to its office in Gothenburg."
)
_HEXA = (
    "Verkstadskoncernen Hexa bygger en ny fabrik för batterikapslingar i Skellefteå. Investeringen uppgår till 850 "
    "miljoner kronor och väntas ge 200 nya jobb när produktionen startar hösten 2027, säger vd Karin Lind."
)
_GRID = (
    "The European Commission on Tuesday proposed new rules for power grids that would halve permitting times for "
    "transmission lines. Industry groups welcomed the plan but warned that funding remains unclear."
)

ONE_STORY: list[tuple[Words, Words]] = [
    (("SMC lanserar effektiv membranteknik", _SMC), ("SMC lanserar effektiv membranteknik", _SMC)),
    # an agency's, a site's or an editor's prefix; another dash, quote or blank
    (("SMC lanserar effektiv membranteknik", _SMC), ("Pressmeddelande: SMC lanserar effektiv membranteknik", _SMC)),
    (("TT: Hexa bygger fabrik i Skellefteå", _HEXA), ("Hexa bygger fabrik i Skellefteå", _HEXA)),
    (("Hexa bygger fabrik i Skellefteå", _HEXA), ("Hexa bygger fabrik i Skellefteå", "SKELLEFTEÅ (TT) – " + _HEXA)),
    (("Hexa bygger fabrik – ger 200 jobb", _HEXA), ("Hexa bygger fabrik - ger 200 jobb", _HEXA.replace(" ", "\u00a0", 3))),
    (("“A new era” for warehouse robots: Acme buys Beta", _ACME), ('"A new era" for warehouse robots: Acme buys Beta', _ACME)),
    (("Acme Robotics to Buy Beta Vision", "GOTHENBURG, Nov. 24, 2025 /PRNewswire/ -- " + _ACME), ("Acme Robotics to buy Beta Vision", _ACME)),
    (("Acme Robotics to Buy Beta Vision | Robot Weekly", _ACME), ("Acme Robotics to buy Beta Vision", _ACME)),
    # a lead that is cut
    (("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", _XIAOMI), ("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", _XIAOMI[:150] + "…")),
    (("Xiaomi lyfter unga kreatörer i Afrika", _XIAOMI[:200]), ("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", _XIAOMI * 2)),
    (("EU proposes faster permits for power grids", _GRID[:120] + " ..."), ("EU proposes faster permits for power grids", _GRID)),
    (("Hexa bygger ny batterifabrik", _HEXA[:200]), ("Hexa bygger fabrik i Skellefteå", _HEXA)),
    # a title that is shortened, or worded a little otherwise
    (("SMC lanserar membranteknik", _SMC), ("SMC lanserar effektiv membranteknik som sparar 30 procent energi", _SMC)),
    (("Xiaomi inspirerar unga i Afrika", _XIAOMI), ("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", _XIAOMI)),
    (("Acme Robotics buys Beta Vision", _ACME), ("Acme Robotics to acquire Beta Vision for $45 million", _ACME)),
    (("Ny fabrik i Skellefteå ger 200 jobb", _HEXA), ("Hexa satsar 850 miljoner på ny fabrik i Skellefteå", _HEXA)),
    (("Commission wants grid permits in half the time", _GRID), ("EU proposes faster permits for power grids", _GRID)),
    # a lead that is worded a little otherwise
    (("Hexa bygger fabrik i Skellefteå", _HEXA), ("Hexa bygger fabrik i Skellefteå", _HEXA.replace("Verkstadskoncernen", "Industrikoncernen").replace("väntas ge", "beräknas skapa"))),
    (("SMC lanserar effektiv membranteknik", _SMC), ("SMC lanserade effektiv membranteknik", _SMC.replace("Den nya tekniken sänker", "Tekniken minskar").replace("stora", "kraftiga"))),
    (("Acme Robotics to buy Beta Vision", _ACME), ("Acme Robotics to buy Beta Vision", _ACME.replace("said on Monday it had", "has").replace("is expected to", "should"))),
    (("EU proposes faster permits for power grids", _GRID), ("EU proposes faster permits for grids", "New rules are on the way. " + _GRID.replace("welcomed the plan", "praised it"))),
    (("EU proposes faster permits for power grids", _GRID), ("EU proposes faster permits for power grids", _GRID.replace("on Tuesday ", "").replace("halve permitting times for", "cut in half the time of permits of"))),
    # one of them, or both, without a lead: the title says enough
    (("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", ""), ("Xiaomi lyfter och inspirerar unga kreatörer i Afrika", _XIAOMI)),
    (("Så väljer du rätt kompressor till den lilla verkstaden", ""), ("Så väljer du rätt kompressor till den lilla verkstaden", "")),
    (("N-Tron stärker industriell kommunikation i hamnar", ""), ("Pressrelease: N-Tron stärker industriell kommunikation i hamnar", "")),
    (("Hexas nya fabrik i Skellefteå", "Av Eva Ek. " + _HEXA), ("Hexas fabrik hamnar i Skellefteå", _HEXA)),
    (("1 200 nya jobb på Hexa i Skellefteå", _HEXA), ("1200 nya jobb på Hexa i Skellefteå", _HEXA)),
]  # fmt: skip

_ORDER = "{} har fått en order värd {} miljoner kronor från {}. Leveranserna inleds under våren och ordern bokförs i det här kvartalet."
_REPORT = "Omsättningen uppgick till {} MSEK. Rörelseresultatet uppgick till {} MSEK, motsvarande en marginal på {} procent. Orderingången ökade."
_PRICES = "Här är priserna för vecka {} på sågat virke, massaved och flis. Priserna är i kronor per kubikmeter och gäller fritt bilväg."

TWO_STORIES: list[tuple[Words, Words]] = [
    # alike in form, but other names
    (("Acme köper Beta", ""), ("Acme köper Gamma", "")),
    (("Acme köper Beta", "Industrigruppen Acme har i dag tecknat avtal om att köpa Beta, en tillverkare av pumpar med 40 anställda."), ("Acme köper Gamma", "Industrigruppen Acme har i dag tecknat avtal om att köpa Gamma, en tillverkare av ventiler med 40 anställda.")),
    (("Acme får order från Scania", _ORDER.format("Acme", 12, "Scania")), ("Acme får order från Volvo", _ORDER.format("Acme", 30, "Volvo"))),
    (("Volvo köper Beta", _ORDER.format("Volvo", 12, "Region Skåne")), ("Scania köper Beta", _ORDER.format("Scania", 12, "Region Skåne"))),
    (("Acme Syd får ny vd", "Styrelsen i Acme Syd har utsett ny vd. Tillträdet sker i början av nästa år och rekryteringen har pågått sedan i våras."), ("Acme Nord får ny vd", "Styrelsen i Acme Nord har utsett ny vd. Tillträdet sker i början av nästa år och rekryteringen har pågått sedan i våras.")),
    (("Acme Wins Order From Delta", "Acme has won an order from Delta Steel for a new line of presses. Deliveries begin in the spring of next year."), ("Acme Wins Order From Omega", "Acme has won an order from Omega Steel for a new line of presses. Deliveries begin in the spring of next year.")),
    (("New CEO at Borealis", "The board of Borealis has appointed a new chief executive officer, who will take office in January after a long search."), ("New CEO at Australis", "The board of Australis has appointed a new chief executive officer, who will take office in January after a long search.")),
    # the same series, but another number
    (("Vinnare vecka 47", ""), ("Vinnare vecka 48", "")),
    (("Vinnare vecka 47", "Grattis till veckans vinnare i vår tävling, som får ett presentkort och en mugg hem i brevlådan i nästa vecka."), ("Vinnare vecka 48", "Grattis till veckans vinnare i vår tävling, som får ett presentkort och en mugg hem i brevlådan i nästa vecka.")),
    (("Virkespriser vecka 12", _PRICES.format(12)), ("Virkespriser vecka 13", _PRICES.format(13))),
    (("Virkespriser vecka 12", _PRICES.format(12)), ("Virkespriser vecka 13", _PRICES.format(13) + " I vecka 12 var de lägre.")),
    (("Timber prices for March", "Prices of sawn timber rose again in the month, on strong demand from builders and low stocks at the mills."), ("Timber prices for April", "Prices of sawn timber rose again in the month, on strong demand from builders and low stocks at the mills.")),
    (("Marknadsbrev första kvartalet", "Så gick det på marknaden för plåt och rör under kvartalet, och så tror vi att det blir under det som kommer."), ("Marknadsbrev andra kvartalet", "Så gick det på marknaden för plåt och rör under kvartalet, och så tror vi att det blir under det som kommer.")),
    (("Volvo visar EX30", "Den nya bilen är mindre, billigare och snabbare än någon som företaget har byggt förut, och den säljs från hösten."), ("Volvo visar EX90", "Den nya bilen är mindre, billigare och snabbare än någon som företaget har byggt förut, och den säljs från hösten.")),
    # what every company sends out
    (("Delårsrapport januari–september 2025", _REPORT.format(812, 94, "11,6")), ("Delårsrapport januari–september 2025", _REPORT.format(93, 4, "4,3"))),
    (("Delårsrapport januari–september 2025", ""), ("Delårsrapport januari–september 2025", "")),
    (("Inbjudan till presentation av delårsrapport för tredje kvartalet", ""), ("Inbjudan till presentation av delårsrapport för tredje kvartalet", "")),
    (("Notice of the Annual General Meeting 2026", ""), ("Notice of the Annual General Meeting 2026", "")),
    (("Ökat antal aktier och röster", "Antalet aktier och röster i Acme AB har ökat under månaden till följd av den nyemission som beslutades i maj."), ("Ökat antal aktier och röster", "Antalet aktier och röster i Delta AB har ökat under månaden till följd av den nyemission som beslutades i maj.")),
    (("Kallelse till årsstämma", "Aktieägarna i Acme AB (publ) kallas härmed till årsstämma den 14 maj i Stockholm."), ("Kallelse till årsstämma", "Aktieägarna i Delta AB (publ) kallas härmed till årsstämma den 21 maj i Lund.")),
    # the same company twice in a day
    (("Acme vinner stor order i Norge", _ORDER.format("Acme", 12, "Statkraft")), ("Acme utser ny vd", "Styrelsen i Acme har utsett Karin Lind till ny vd. Hon kommer närmast från Hexa och tillträder i januari.")),
    (("Hexa bygger fabrik i Skellefteå", _HEXA), ("Hexa säljer fabrik i Skellefteå", "Hexa säljer sin gamla fabrik i Skellefteå till en fastighetsägare i staden. Köpeskillingen är 40 miljoner kronor.")),
    (("SMC lanserar effektiv membranteknik", _SMC), ("SMC öppnar nytt kontor i Luleå", "SMC öppnar ett nytt kontor i Luleå för att komma närmare gruvor och stålverk i norr. Kontoret får sex anställda.")),
    # short, and everybody's
    (("Luftrenare", ""), ("Luftrenare", "")),
    (("Luftrenare", "Ren luft i verkstaden med filter som byts en gång om året, från ett företag i Småland som har gjort dem i trettio år."), ("Luftrenare", "Tysta maskiner för kontor och väntrum. De mäter partiklar i rummet och går bara när det behövs, lovar tillverkaren.")),
    (("Nya öppettider", "Vi har öppet som vanligt."), ("Nya öppettider", "Vi har öppet som vanligt.")),
    (("Black Week", "Missa inte våra erbjudanden i helgen, läs mer på vår hemsida eller ring till oss så hjälper vi dig."), ("Nytt läge för exporten", "Missa inte våra erbjudanden i helgen, läs mer på vår hemsida eller ring till oss så hjälper vi dig.")),
    (("Begagnad truck under Black Week", ""), ("Begagnad truck under julhandeln", "")),
    (("Så blir vintern för transportörerna", "Ett kallt högtryck över Ryssland ger snö redan i november, tror meteorologerna, och salt kan ta slut."), ("Så blir vintern för transportörerna", "Dieselpriset faller men däcken blir dyrare. Åkeriernas ekonom räknar med ett svagt första halvår i branschen.")),
]  # fmt: skip
