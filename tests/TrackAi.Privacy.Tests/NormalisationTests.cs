using System.Security.Cryptography;
using System.Text;
using TrackAi.Contracts;
using TrackAi.Privacy.Normalising;

namespace TrackAi.Privacy.Tests;

public sealed class NormalisationTests
{
    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static IEnumerable<string> HashesOf(params string[] normalised) => normalised.Select(Sha256);

    private static ProtectedPerson Protect(Person person) => Normalised.From(person).Person;

    [Fact]
    public void The_examples_in_Metas_documentation_hash_to_the_documented_values()
    {
        Protect(new() { Email = "John_Smith@gmail.com" }).Em.ShouldBe(["62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"]);
        Protect(new() { Phone = "(650)555-1212", Country = "US" })
            .Ph.ShouldBe(["e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"]);
        Protect(new() { FirstName = "Mary" }).Fn.ShouldBe(["6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"]);
        Protect(new() { FirstName = "정" }).Fn.ShouldBe(["8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"]);
        Protect(new() { FirstName = "Valéry" }).Fn[0].ShouldBe("08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c");
        Protect(new() { BirthDate = "2/16/1997" }).Db.ShouldBe(["01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c"]);
        Protect(new() { Country = "United States" }).Country.ShouldBe(["79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"]);
    }

    [Fact]
    public void A_Brazilian_buyer_hashes_to_the_values_computed_by_hand()
    {
        var person = Protect(
            new()
            {
                Phone = "(11) 98765-4321",
                Country = "BR",
                State = "São Paulo",
            }
        );

        person.Ph.ShouldBe(["029c7290f14c4516673508635f0519db95f7daf42057fd0e4ad1de84c5408a66"]);
        person.Country.ShouldBe(["885036a0da3dff3c3e05bc79bf49382b12bc5098514ed57ce0875aba1aa2c40d"]);
        person.St.ShouldBe(["be18b85f77fc024db379acf19e8a1ce62307ab7bb1bca395389ecfc2dafaf741"]);
        person.Phone.ShouldBe("5511987654321");
    }

    [Theory]
    [InlineData(" Joana.Prado+vip@Exemplo.COM.BR ", "joana.prado+vip@exemplo.com.br")]
    [InlineData("mailto:joana@exemplo.com", "joana@exemplo.com")]
    [InlineData("joana\u200B@exemplo.com", "joana@exemplo.com")]
    [InlineData("joana@exemplo", null)]
    [InlineData("joana@@exemplo.com", null)]
    [InlineData("@exemplo.com", null)]
    [InlineData("joana@exemplo..com", null)]
    [InlineData("joana prado@exemplo.com", null)]
    [InlineData("joana@exemplo.com,pedro@exemplo.com", null)]
    [InlineData("0123456789abcdef0123456789abcdef", null)]
    [InlineData("   ", null)]
    public void An_email_is_trimmed_and_lowered_or_dropped(string given, string? expected)
    {
        var person = Protect(new() { Email = given });

        person.Email.ShouldBe(expected);
        person.Em.ShouldBe(expected is null ? [] : HashesOf(expected));
    }

    [Theory]
    [InlineData("(11) 98765-4321", null, "5511987654321")]
    [InlineData("11987654321", null, "5511987654321")]
    [InlineData("011987654321", null, "5511987654321")]
    [InlineData("0 15 11 98765-4321", null, "5511987654321")]
    [InlineData("+5511 98765.4321", null, "5511987654321")]
    [InlineData("+55 (011) 98765-4321", null, "5511987654321")]
    [InlineData("0055 11 98765-4321", null, "5511987654321")]
    [InlineData("5511987654321", "BR", "5511987654321")]
    [InlineData("55 11 3456-7890", null, "551134567890")]
    [InlineData("11 3456-7890", "Brasil", "551134567890")]
    [InlineData("(55) 98765-4321", null, "5555987654321")]
    [InlineData("55 55 99765-4321", null, "5555997654321")]
    [InlineData("55997654321", null, "5555997654321")]
    [InlineData("11 98765-4321 ramal 12", null, "5511987654321")]
    [InlineData("(11) 98765-4321 / (11) 3456-7890", null, "5511987654321")]
    [InlineData("\u202A+55 11 98765-4321\u202C", null, "5511987654321")]
    [InlineData("１１ ９８７６５-４３２１", null, "5511987654321")]
    [InlineData("+1 (650) 555-1212", null, "16505551212")]
    [InlineData("+1 (650) 555-1212", "BR", "16505551212")]
    [InlineData("(650)555-1212", "US", "16505551212")]
    [InlineData("912 345 678", "PT", "351912345678")]
    [InlineData("+351 912 345 678", "PT", "351912345678")]
    [InlineData("11987654321", "DE", "11987654321")]
    [InlineData("98765-4321", null, null)]
    [InlineData("123", null, null)]
    [InlineData("11111111111", null, null)]
    [InlineData("00000000000", null, null)]
    [InlineData("não tem", null, null)]
    public void A_phone_becomes_its_international_digits(string given, string? country, string? expected)
    {
        var person = Protect(new() { Phone = given, Country = country });

        person.Phone.ShouldBe(expected);
        person.Ph.ShouldBe(expected is null ? [] : HashesOf(expected));
    }

    [Fact]
    public void A_mobile_from_before_the_ninth_digit_is_sent_with_it_too() =>
        Protect(new() { Phone = "(11) 8765-4321" }).Ph.ShouldBe(HashesOf("551187654321", "5511987654321"));

    [Theory]
    [InlineData("Maria Clara", new[] { "maria", "maria clara", "mariaclara" })]
    [InlineData("João", new[] { "joão", "joao" })]
    [InlineData("Joa\u0303o", new[] { "joão", "joao" })]
    [InlineData("D'Ávila", new[] { "dávila", "davila" })]
    [InlineData("JOSÉ  ANTÔNIO", new[] { "josé", "josé antônio", "joséantônio", "jose", "jose antonio", "joseantonio" })]
    [InlineData("😀", new string[0])]
    [InlineData("...", new string[0])]
    [InlineData("محمد", new[] { "محمد" })]
    public void A_first_name_is_sent_in_every_reading(string given, string[] expected) =>
        Protect(new() { FirstName = given }).Fn.ShouldBe(HashesOf(expected));

    [Theory]
    [InlineData("Silva-Souza", new[] { "silvasouza" })]
    [InlineData("da Silva", new[] { "silva", "da silva", "dasilva" })]
    public void A_last_name_is_sent_in_every_reading(string given, string[] expected) =>
        Protect(new() { LastName = given }).Ln.ShouldBe(HashesOf(expected));

    [Theory]
    [InlineData("João da Silva", null, null, new[] { "joão", "joao" }, new[] { "silva", "da silva", "dasilva" })]
    [InlineData("João da Silva", "Joca", null, new[] { "joca" }, new[] { "silva", "da silva", "dasilva" })]
    [InlineData("João da Silva", " ", "Souza", new[] { "joão", "joao" }, new[] { "souza" })]
    [InlineData("Pelé", null, null, new[] { "pelé", "pele" }, new string[0])]
    public void A_full_name_fills_what_was_not_given(string full, string? first, string? last, string[] fn, string[] ln)
    {
        var person = Protect(
            new()
            {
                FullName = full,
                FirstName = first,
                LastName = last,
            }
        );

        person.Fn.ShouldBe(HashesOf(fn));
        person.Ln.ShouldBe(HashesOf(ln));
    }

    [Theory]
    [InlineData("1990-07-15", "19900715")]
    [InlineData("15/07/1990", "19900715")]
    [InlineData("5/7/1990", "19900705")]
    [InlineData("15-07-1990", "19900715")]
    [InlineData("15.07.1990", "19900715")]
    [InlineData("19900715", "19900715")]
    [InlineData("15071990", "19900715")]
    [InlineData("1990-07-15T00:00:00-03:00", "19900715")]
    [InlineData("1990-07-15 00:00:00", "19900715")]
    [InlineData("1990-02-30", null)]
    [InlineData("0001-01-01", null)]
    [InlineData("15/07/90", null)]
    public void A_date_of_birth_becomes_eight_digits(string given, string? expected) =>
        Protect(new() { BirthDate = given }).Db.ShouldBe(expected is null ? [] : HashesOf(expected));

    [Theory]
    [InlineData("Feminino", "f")]
    [InlineData("MULHER", "f")]
    [InlineData("female", "f")]
    [InlineData("Masculino", "m")]
    [InlineData("M", "m")]
    [InlineData("x", null)]
    public void Gender_is_f_or_m_or_nothing(string given, string? expected) =>
        Protect(new() { Gender = given }).Ge.ShouldBe(expected is null ? [] : HashesOf(expected));

    [Theory]
    [InlineData("São Paulo", new[] { "sãopaulo", "saopaulo" })]
    [InlineData("Embu-Guaçu", new[] { "embuguaçu", "embuguacu" })]
    [InlineData("Santa Bárbara d'Oeste", new[] { "santabárbaradoeste", "santabarbaradoeste" })]
    [InlineData("Campinas - SP", new[] { "campinas" })]
    [InlineData("Campinas/SP", new[] { "campinas" })]
    [InlineData("123", new string[0])]
    public void A_city_is_sent_with_accents_and_without(string given, string[] expected) =>
        Protect(new() { City = given }).Ct.ShouldBe(HashesOf(expected));

    [Theory]
    [InlineData("São Paulo", null, new[] { "sp" })]
    [InlineData("SAO PAULO", "BR", new[] { "sp" })]
    [InlineData("Minas Gerais", null, new[] { "mg" })]
    [InlineData("s.p.", null, new[] { "sp" })]
    [InlineData("BR-SP", null, new[] { "sp" })]
    [InlineData("Estado do Rio de Janeiro", null, new[] { "rj" })]
    [InlineData("São Paulo - SP", null, new[] { "sp" })]
    [InlineData("Pará", "Brasil", new[] { "pa" })]
    [InlineData("Paraná", null, new[] { "pr" })]
    [InlineData("California", "US", new[] { "ca" })]
    [InlineData("Setúbal", "PT", new[] { "setúbal", "setubal" })]
    [InlineData("1", null, new string[0])]
    public void A_state_becomes_its_code(string given, string? country, string[] expected) =>
        Protect(new() { State = given, Country = country }).St.ShouldBe(HashesOf(expected));

    [Theory]
    [InlineData("01310-100", null, new[] { "01310100", "01310" })]
    [InlineData("01.310-100", "BR", new[] { "01310100", "01310" })]
    [InlineData("1310100", "BR", new[] { "01310100", "01310" })]
    [InlineData("94035-1234", null, new[] { "94035" })]
    [InlineData("94035", "US", new[] { "94035" })]
    [InlineData("M1 1AE", null, new[] { "m11ae" })]
    [InlineData("1234-567", "PT", new[] { "1234567", "1234" })]
    [InlineData("1", null, new string[0])]
    [InlineData("-100", null, new[] { "100" })]
    [InlineData("00000-000", "BR", new string[0])]
    public void A_postal_code_is_sent_whole_and_in_its_first_part(string given, string? country, string[] expected) =>
        Protect(new() { Zip = given, Country = country }).Zp.ShouldBe(HashesOf(expected));

    [Theory]
    [InlineData("BR", "br")]
    [InlineData("bra", "br")]
    [InlineData("Brasil", "br")]
    [InlineData("BRAZIL", "br")]
    [InlineData("U.S.A.", "us")]
    [InlineData("Estados Unidos", "us")]
    [InlineData("México", "mx")]
    [InlineData("Moçambique", "mz")]
    [InlineData("xx", null)]
    [InlineData("Terra do Nunca", null)]
    public void A_country_becomes_its_code(string given, string? expected) =>
        Protect(new() { Country = given }).Country.ShouldBe(expected is null ? [] : HashesOf(expected));

    [Fact]
    public void An_external_id_is_hashed_as_Metas_pixel_does_it() =>
        Protect(new() { ExternalId = " ABC-123 " }).ExternalId.ShouldBe(HashesOf("abc-123"));

    [Fact]
    public void What_came_hashed_is_not_hashed_again()
    {
        var hash = Sha256("joana@exemplo.com");
        var person = Protect(
            new()
            {
                Email = hash.ToUpperInvariant(),
                Phone = $" {hash} ",
                FirstName = hash,
                LastName = hash,
                City = hash,
                State = hash,
                Zip = hash,
                Country = hash,
                BirthDate = hash,
                Gender = hash,
                ExternalId = hash,
            }
        );

        IReadOnlyList<string>[] all =
        [
            person.Em,
            person.Ph,
            person.Fn,
            person.Ln,
            person.Ct,
            person.St,
            person.Zp,
            person.Country,
            person.Db,
            person.Ge,
            person.ExternalId,
        ];
        all.ShouldAllBe(list => list.Single() == hash);
        person.Email.ShouldBeNull();
        person.Phone.ShouldBeNull();
    }

    [Fact]
    public void The_address_of_a_page_loses_what_names_the_buyer() =>
        Protect(
            new()
            {
                EventSourceUrl =
                    "https://joana:senha@loja.example/obrigado?utm_source=FB&fbclid=IwAR0abc_-9&email=joana%40exemplo.com&x=11987654321#joana",
            }
        )
            .EventSourceUrl.ShouldBe("https://loja.example/obrigado?utm_source=FB&fbclid=IwAR0abc_-9");

    [Theory]
    [InlineData("189.6.1.2", "189.6.1.2")]
    [InlineData("::ffff:189.6.1.2", "189.6.1.2")]
    [InlineData("2804:14C:0:0:0:0:0:1", "2804:14c::1")]
    [InlineData("1", null)]
    [InlineData("fe80::1%eth0", null)]
    [InlineData("189.6.1.2, 10.0.0.1", null)]
    public void An_address_is_an_address_or_nothing(string given, string? expected) =>
        Protect(new() { IpAddress = given }).IpAddress.ShouldBe(expected);

    [Fact]
    public void Fields_that_are_no_good_are_named_and_never_shown()
    {
        var dropped = Normalised
            .From(
                new()
                {
                    Email = "joana@exemplo",
                    Phone = "123",
                    FullName = "???",
                    FirstName = "!!!",
                    City = "12",
                    State = "1",
                    Zip = "1",
                    Country = "Nenhures",
                    BirthDate = "ontem",
                    Gender = "sim",
                    ExternalId = "undefined",
                    IpAddress = "casa",
                    Fbclid = "a b",
                    Fbc = "fb.1.2",
                    Fbp = "x",
                    EventSourceUrl = "javascript:alert(1)",
                }
            )
            .Dropped;

        dropped.ShouldBe(
            [
                "country",
                "email",
                "phone",
                "full_name",
                "first_name",
                "birth_date",
                "gender",
                "city",
                "state",
                "zip",
                "external_id",
                "ip_address",
                "fbclid",
                "fbc",
                "fbp",
                "event_source_url",
            ],
            ignoreOrder: true
        );
    }

    [Fact]
    public void Nothing_given_is_nothing_stored_and_nothing_dropped()
    {
        foreach (var nothing in (string?[])[null, "", "   ", "\t\n"])
        {
            var (person, dropped) = Normalised.From(EveryField(nothing));

            dropped.ShouldBeEmpty();
            Encoding.UTF8.GetString(StoredPerson.Write(person)).ShouldBe("{}");
        }
    }

    public static TheoryData<string> Hostile =>
        [
            .. new[]
            {
                new string('a', 10_240),
                new string('9', 10_240),
                new string('\u0301', 10_240),
                "a" + new string('\u0301', 200),
                new string(' ', 10_240) + "x",
                string.Concat(Enumerable.Repeat("a@", 5_120)),
                string.Concat(Enumerable.Repeat("1 ", 5_120)),
                string.Concat(Enumerable.Repeat("%25", 3_000)),
                string.Concat(Enumerable.Repeat("😀", 2_500)),
                "\uD800",
                "\uDC00\uD800",
                "a\uD800b@c\uDFFF.com",
                "\uFFFE\uFFFF",
                "\u0000",
                "\u202Eanaoj@olpmexe.moc",
                "👩‍👩‍👧‍👦",
                "İstanbul ı ß ﬁ",
                "%",
                "%4",
                "https://\uD800/",
                "http://[",
                "http://a/?%=%&=&&a=%E0%A4%A",
                ".",
                "-",
                "@",
                "+",
                "fb....",
                "fb.1.99999999999999999999.a",
            }.Select(Escaped),
        ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void No_input_throws_or_hashes_nothing(string escaped)
    {
        var value = Unescaped(escaped);

        var person = Normalised.From(EveryField(value)).Person;

        Encoding.UTF8.GetString(StoredPerson.Write(person)).ShouldNotContain(Sha256(""));
        StoredPerson.Read(StoredPerson.Write(person)).UserAgent.ShouldBe(person.UserAgent);
        CampaignText.Clean(value)?.Length.ShouldBeLessThanOrEqualTo(512);
        Fbc.FromFbclid(value, DateTimeOffset.UnixEpoch);
    }

    // A test's name must be printable; a lone surrogate is not.
    private static string Escaped(string value) => string.Join(' ', value.Select(character => ((int)character).ToString("x", null)));

    private static string Unescaped(string escaped) => string.Concat(escaped.Split(' ').Select(code => (char)Convert.ToInt32(code, 16)));

    private static Person EveryField(string? value) =>
        new()
        {
            Email = value,
            Phone = value,
            FullName = value,
            FirstName = value,
            LastName = value,
            City = value,
            State = value,
            Zip = value,
            Country = value,
            BirthDate = value,
            Gender = value,
            ExternalId = value,
            IpAddress = value,
            UserAgent = value,
            Fbclid = value,
            Fbc = value,
            Fbp = value,
            EventSourceUrl = value,
        };
}
