using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.Credentials.Internal;
using Amazon.Runtime.Endpoints;
using Amazon.Runtime.Internal;
using Amazon.Runtime.Internal.Auth;
using Amazon.Runtime.Internal.Transform;

namespace TrackAi.Dispatch.Queue.Sqs;

/// <summary>
/// Calls SQS by its JSON protocol (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html).
/// Credentials, signing and retries are AWS's own, of the SDK's core.
/// </summary>
internal sealed class SqsClient(SqsOptions options) : IDisposable
{
    private readonly Lazy<Client> client = new(() => new Client(new Configuration(options)));

    /// <exception cref="AmazonServiceException">SQS refused; its error code tells what.</exception>
    /// <exception cref="AmazonClientException">SQS could not be reached, or there are no credentials.</exception>
    public async Task<JsonElement> CallAsync(string operation, JsonObject body, CancellationToken cancellationToken) =>
        (await client.Value.CallAsync(new Call(operation, body), cancellationToken)).Body;

    public void Dispose()
    {
        if (client.IsValueCreated)
            client.Value.Dispose();
    }

    private sealed class Call(string operation, JsonObject body) : AmazonWebServiceRequest
    {
        public string Operation => operation;

        public byte[] Body { get; } = JsonSerializer.SerializeToUtf8Bytes(body);
    }

    private sealed class Answer : AmazonWebServiceResponse
    {
        public JsonElement Body { get; init; }
    }

    private sealed class Client(Configuration configuration) : AmazonServiceClient(configuration)
    {
        private readonly InvokeOptions options = new() { RequestMarshaller = new Writer(), ResponseUnmarshaller = new Reader() };

        protected override IServiceMetadata ServiceMetadata { get; } = new Metadata();

        public Task<Answer> CallAsync(Call call, CancellationToken cancellationToken) =>
            InvokeAsync<Answer>(call, options, cancellationToken);

        protected override void CustomizeRuntimePipeline(RuntimePipeline pipeline)
        {
            pipeline.RemoveHandler<EndpointResolver>();
            pipeline.AddHandlerAfter<Marshaller>(new Address());
            pipeline.AddHandlerAfter<Marshaller>(new Signature());
        }
    }

    private sealed class Metadata : IServiceMetadata
    {
        public string ServiceId => "SQS";

        public IDictionary<string, string> OperationNameMapping { get; } = new Dictionary<string, string>(StringComparer.Ordinal);
    }

    private sealed class Signature : BaseAuthResolverHandler
    {
        protected override List<IAuthSchemeOption> ResolveAuthOptions(IExecutionContext executionContext) => AuthSchemeOption.DEFAULT_SIGV4;
    }

    private sealed class Address : BaseEndpointResolver
    {
        protected override EndpointParameters MapEndpointsParameters(IRequestContext requestContext) => new();
    }

    private sealed class Provider(Configuration configuration) : IEndpointProvider
    {
        public Endpoint ResolveEndpoint(EndpointParameters parameters) => new(configuration.Url);
    }

    private sealed class Configuration : ClientConfig
    {
        public Configuration(SqsOptions options)
            : base(new Defaults())
        {
            EndpointProvider = new Provider(this);
            AuthenticationServiceName = "sqs";
            MaxErrorRetry = 3;
            // A receive waits up to 20 seconds for a message.
            Timeout = TimeSpan.FromSeconds(40);
            if (options.Region is { Length: > 0 } region)
                (RegionEndpoint, AuthenticationRegion) = (RegionEndpoint.GetBySystemName(region), region);
            if (options.ServiceUrl is { Length: > 0 } url)
            {
                ServiceURL = url;
                // What signs is the region, wherever the service is.
                AuthenticationRegion = options.Region is { Length: > 0 } named ? named : "us-east-1";
            }
        }

        public override string ServiceVersion => "2012-11-05";

        public override string UserAgent => "TrackAi";

        public override string RegionEndpointServiceName => "sqs";

        public string Url =>
            ServiceURL is { Length: > 0 } given ? given
            : RegionEndpoint is { } region ? $"https://sqs.{region.SystemName}.{region.PartitionDnsSuffix}"
            : throw new AmazonClientException("Sqs:Region: name the region of the queue, such as sa-east-1.");

        public override Endpoint DetermineServiceOperationEndpoint(ServiceOperationEndpointParameters parameters) => new(Url);
    }

    private sealed class Defaults : IDefaultConfigurationProvider
    {
        public IDefaultConfiguration GetDefaultConfiguration(
            RegionEndpoint clientRegion,
            DefaultConfigurationMode? requestedConfigurationMode = null
        ) =>
            new DefaultConfiguration
            {
                Name = DefaultConfigurationMode.Standard,
                RetryMode = RequestRetryMode.Standard,
                ConnectTimeout = TimeSpan.FromSeconds(3),
            };
    }

    private sealed class Writer : IMarshaller<IRequest, AmazonWebServiceRequest>
    {
        public IRequest Marshall(AmazonWebServiceRequest input)
        {
            var call = (Call)input;
            return new DefaultRequest(call, "SQS")
            {
                HttpMethod = "POST",
                ResourcePath = "/",
                Content = call.Body,
                Headers = { ["Content-Type"] = "application/x-amz-json-1.0", ["X-Amz-Target"] = $"AmazonSQS.{call.Operation}" },
            };
        }
    }

    private sealed class Reader : ResponseUnmarshaller
    {
        public override AmazonWebServiceResponse Unmarshall(UnmarshallerContext input) => new Answer { Body = ((Context)input).Json };

        public override AmazonServiceException UnmarshallException(
            UnmarshallerContext input,
            Exception innerException,
            HttpStatusCode statusCode
        )
        {
            var json = ((Context)input).Json;
            // com.amazonaws.sqs#QueueDoesNotExist
            var code = Text(json, "__type")?.Split('#')[^1] ?? $"HTTP {(int)statusCode}";
            return new AmazonServiceException(
                Text(json, "message") ?? Text(json, "Message") ?? code,
                innerException,
                (int)statusCode < 500 ? ErrorType.Sender : ErrorType.Receiver,
                code,
                input.ResponseData.GetHeaderValue("x-amzn-RequestId"),
                statusCode
            );
        }

        protected override UnmarshallerContext ConstructUnmarshallerContext(
            Stream responseStream,
            bool maintainResponseBody,
            IWebResponseData response,
            bool isException
        ) => new Context(responseStream, response);

        protected override UnmarshallerContext ConstructUnmarshallerContext(
            Stream responseStream,
            bool maintainResponseBody,
            IWebResponseData response,
            bool isException,
            IRequestContext requestContext
        ) => new Context(responseStream, response);

        private static string? Text(JsonElement json, string name) =>
            json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
    }

    /// <summary>The whole answer, parsed; what is no JSON says nothing.</summary>
    private sealed class Context : UnmarshallerContext
    {
        public Context(Stream stream, IWebResponseData response)
        {
            WebResponseData = response;
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            Json = Parse(copy.ToArray());
        }

        public JsonElement Json { get; }

        public override string CurrentPath => "";

        public override int CurrentDepth => 0;

        public override bool IsStartElement => false;

        public override bool IsEndElement => false;

        public override bool IsStartOfDocument => true;

        private static JsonElement Parse(byte[] body)
        {
            try
            {
                return body.Length == 0 ? default : JsonElement.Parse(body);
            }
            catch (JsonException)
            {
                return default;
            }
        }
    }
}
