namespace TrackAi.Privacy.Normalising;

/// <summary>Countries as ISO 3166-1 alpha-2 in lower case, from codes and from the names that checkouts write.</summary>
internal static class Country
{
    private static readonly HashSet<string> Codes =
    [
        .. (
            "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca cc cd cf cg ch ci "
            + "ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp "
            + "gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk "
            + "lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa "
            + "pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf "
            + "tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
        ).Split(' '),
    ];

    private static readonly Dictionary<string, string> Names = new(
        Named(
            """
            br bra brazil brasil bresil brasilien republicafederativadobrasil
            us usa eua unitedstates unitedstatesofamerica estadosunidos estadosunidosdaamerica estadosunidosdeamerica
            pt prt portugal
            ao ago angola
            mz moz mozambique mocambique
            cv cpv capeverde caboverde
            gw gnb guineabissau guinebissau
            st stp saotomeandprincipe saotomeeprincipe
            tl tls timorleste easttimor
            ar arg argentina
            bo bol bolivia
            cl chl chile
            co col colombia
            cr cri costarica
            cu cub cuba
            do dom dominicanrepublic republicadominicana
            ec ecu ecuador equador
            sv slv elsalvador
            gt gtm guatemala
            hn hnd honduras
            mx mex mexico
            ni nic nicaragua
            pa pan panama
            py pry paraguay paraguai
            pe per peru
            pr pri puertorico portorico
            uy ury uruguay uruguai
            ve ven venezuela
            ca can canada
            gb gbr uk unitedkingdom greatbritain england reinounido inglaterra
            ie irl ireland irlanda
            es esp spain espanha espana
            fr fra france franca francia
            de deu germany alemanha alemania deutschland
            it ita italy italia
            ch che switzerland suica suiza
            at aut austria
            be bel belgium belgica
            nl nld netherlands holanda paisesbaixos holland
            lu lux luxembourg luxemburgo
            se swe sweden suecia
            no nor norway noruega
            dk dnk denmark dinamarca
            fi fin finland finlandia
            pl pol poland polonia
            ru rus russia
            ua ukr ukraine ucrania
            il isr israel
            jp jpn japan japao japon
            cn chn china
            in ind india
            kr kor southkorea coreiadosul
            au aus australia
            nz nzl newzealand novazelandia
            za zaf southafrica africadosul
            ae are unitedarabemirates emiradosarabesunidos
            """
        ),
        StringComparer.Ordinal
    );

    /// <summary>Null when it is no country.</summary>
    public static string? Normalise(string clean)
    {
        var name = Text.Fold(Text.Lower(Text.Keep(clean, static _ => false)));
        return Codes.Contains(name) ? name : Names.GetValueOrDefault(name);
    }

    private static IEnumerable<KeyValuePair<string, string>> Named(string table) =>
        from line in table.Split('\n')
        let words = line.Split(' ')
        from name in words.Skip(1)
        select KeyValuePair.Create(name, words[0]);
}
