using System.Collections.Frozen;

namespace TrackAi.Dashboard.Words;

/// <summary>Every text of the pages in Portuguese, by its English. A test finds the ones that are missing.</summary>
internal static partial class Portuguese
{
    public static readonly FrozenDictionary<string, string> Texts = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["Overview"] = "Visão geral",
        ["Events"] = "Vendas",
        ["Dead letters"] = "Não entregues",
        ["Match"] = "Atribuição",
        ["Health"] = "Saúde",
        ["Settings"] = "Configurações",
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
