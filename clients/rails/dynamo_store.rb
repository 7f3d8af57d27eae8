# frozen_string_literal: true

# Rails sessions in Sojourn, through its HTTP API. One file, for config/initializers or lib:
#
#   config.session_store :dynamo_store, url: ENV["SOJOURN_API_URL"], region: "eu-central-1"
#
# Needs the gem aws-sigv4 and credentials that may execute-api:Invoke the API. See docs/rails.md.

require "json"
require "net/http"
require "io/wait"
require "aws-sigv4"
require "active_support/json"
require "action_dispatch"
require "action_dispatch/middleware/session/abstract_store"

module ActionDispatch
  module Session
    # Options beside those of Rack: +url+ of the API and its +region+; +credentials+, anything that
    # Aws::Sigv4::Signer takes as a credentials_provider, the environment's otherwise; +subject+, a key of
    # the session or a lambda of its hash that says whose it is; +timeout+ in seconds.
    class DynamoStore < AbstractSecureStore
      # The API did not answer, or refused to serve us: no session is empty because of that.
      class Unavailable < StandardError; end

      # The request brought the token that a faster one, a login say, has replaced. What it changed is not stored,
      # no cookie changed, and it succeeds when it is repeated with the new cookie.
      class Superseded < StandardError; end
      ActionDispatch::ExceptionWrapper.rescue_responses[Superseded.name] = :conflict

      STATE = "sojourn.state"
      ENDED = "sojourn.ended"
      TOKEN = /\Asjn_[A-Za-z0-9_-]{36}\z/.freeze
      ID = (4...16).freeze
      SAFE = %w[GET HEAD OPTIONS].freeze
      ROUNDS = 5
      private_constant :STATE, :ENDED, :TOKEN, :ID, :SAFE, :ROUNDS

      # What the API says of the session of a request, and the document that the request began with. A request that
      # brought a superseded token, +replaced+, is served as one without a session.
      State = Struct.new(:token, :version, :data, :subject, :base, :replaced) do
        def self.superseded(token)
          new(nil, nil, {}.freeze, nil, {}.freeze, token)
        end
      end
      private_constant :State

      def initialize(app, options = {})
        options = { key: "__Host-session", secure: true, httponly: true, same_site: :lax }.merge(options)
        @subject = options.delete(:subject)
        @api = Api.new(
          url: options.delete(:url) || ENV.fetch("SOJOURN_API_URL"),
          region: options.delete(:region) || ENV["AWS_REGION"] || ENV.fetch("AWS_DEFAULT_REGION"),
          credentials: options.delete(:credentials),
          timeout: options.delete(:timeout) || 10
        )
        super(app, options)
      end

      # The id is the token. One that opens nothing is never adopted.
      def find_session(req, sid)
        state = state_of(req, sid)
        req.set_header(STATE, state)
        state&.token ? [Rack::Session::SessionId.new(state.token), Document.untagged(state.data)] : [generate_sid, {}]
      end

      # Stores what changed: false, and nothing, when the session ended meanwhile. Raises Superseded.
      def write_session(req, _sid, session, options)
        state = stored(req.get_header(STATE), Document.written(session), subject_of(session), options)
        req.set_header(STATE, state)
        state ? Rack::Session::SessionId.new(state.token) : false
      rescue Superseded
        refuse(req)
      end

      # Ends the session, or with :renew gives it another token. Nothing brings it back.
      def delete_session(req, sid, options)
        state = state_of(req, sid)
        if options[:renew] && !options[:drop]
          state = renewed(state)
          req.set_header(STATE, state)
          return state&.token ? Rack::Session::SessionId.new(state.token) : generate_sid
        end
        expire(req, state, options) if state
        options[:drop] ? nil : generate_sid
      end

      private

      # A visitor who only looks leaves nothing.
      def commit_session?(req, session, options)
        super && (req.get_header(STATE)&.token || req.get_header(ENDED) || !session.empty?)
      end

      # A page that only shows is served, and what it put in, the token of a form say, is dropped. Anything else failed.
      def refuse(req)
        is_safe = SAFE.include?(req.request_method)
        raise Superseded, "another request has replaced the token of this session" unless is_safe

        req.logger&.info("Sojourn: the token was replaced by another request; what this one put in is dropped")
        false
      end

      # A logout holds also when its token was replaced while it was on its way, unless by a login: then the session of
      # that faster request, and its cookie, stay.
      def expire(req, state, options)
        @api.call("DELETE", "/session", token: state.token || state.replaced, success: 204)
        req.set_header(STATE, nil)
        req.cookie_jar.delete(key, **options.to_hash.slice(:path, :domain, :secure, :httponly), same_site: @same_site)
      rescue Superseded
        options[:drop] ? refuse(req) : req.set_header(ENDED, true)
      end

      # What was found or done in this request before counts more than its cookie.
      def state_of(req, sid)
        req.has_header?(STATE) ? req.get_header(STATE) : sid && read(sid.public_id)
      rescue Superseded
        State.superseded(sid.public_id)
      end

      def read(token)
        return nil unless TOKEN.match?(token)

        status, state = @api.call("GET", "/session", token: token) { |found| state_in(found, token: token) }
        status == 404 ? nil : state
      end

      # Only a request that logs in begins a session in the place of one it cannot change.
      def stored(state, data, subject, options)
        state ? changed(state, data, subject, options) : created(data, subject, options)
      rescue Superseded
        raise unless state && subject && state.subject != subject

        created(data, subject, options)
      end

      def created(data, subject, options)
        body = { data: data, subject: subject, idle: idle(options) }.compact
        _, state = @api.call("POST", "/sessions", body: body, success: 201) { |found| state_in(found) }
        state
      end

      # Other requests' keys stay; of a key that both changed, ours.
      def changed(state, data, subject, options)
        raise Superseded unless state.token
        return state if state.base == data # a request that only reads changes no subject

        base = state.base
        if @subject && state.subject != subject
          return succeeded(state, data, subject, options) if state.subject

          state = logged_in(state, subject, options)
        end
        ROUNDS.times do
          return nil if state.nil?

          wanted = Document.merged(base, data, state.data)
          return state if state.data == wanted

          status, now = put(state, wanted)
          return nil if status == 404
          return now if status == 200

          state = read(state.token)
        end
        raise Unavailable, "others keep changing the session"
      end

      def put(state, data)
        headers = { "if-match" => %("#{state.version}") }
        @api.call("PUT", "/session", token: state.token, body: { data: data }, headers: headers) do |found|
          state_in(found, token: state.token)
        end
      end

      # One session is one subject's: another subject, or none, goes on in a new session.
      def succeeded(state, data, subject, options)
        @api.call("DELETE", "/session", token: state.token, success: 204)
        created(data, subject, options)
      end

      def logged_in(state, subject, options)
        replaced(state, "/session/login", { subject: subject, idle: idle(options) }.compact)
      end

      def renewed(state)
        state&.token ? replaced(state, "/session/rotate") : state
      rescue Superseded
        State.superseded(state.token)
      end

      # The same session under another token.
      def replaced(state, path, body = nil)
        status, now = @api.call("POST", path, token: state.token, body: body) do |found|
          state_in(found, id: state.token[ID]).tap { |new| new.base = state.base }
        end
        status == 404 ? nil : now
      end

      def idle(options)
        options[:expire_after]&.to_i
      end

      # A success that shows no session, because it was cut short say, is not an empty one. An answer with another
      # session than the one that was read is an error.
      def state_in(found, token: found["token"], id: token.to_s[ID])
        state = State.new(token, found["version"], found["data"], found["subject"], found["data"])
        is_session = TOKEN.match?(token.to_s) && state.version.is_a?(Integer) && state.data.is_a?(Hash)
        return state if is_session && [found["id"], token[ID]] == [id, id]

        raise Unavailable, "the API's answer does not show this session"
      end

      def subject_of(session)
        found = @subject.respond_to?(:call) ? @subject.call(session) : @subject && session[@subject.to_s]
        found.nil? || found == "" ? nil : found.to_s
      end

      # Requests to the API, signed.
      class Api
        REPLACED = "urn:sojourn:problem:token-superseded"
        REFUSALS = {
          404 => ["urn:sojourn:problem:session-not-found", REPLACED],
          412 => ["urn:sojourn:problem:precondition-failed"]
        }.freeze
        # Not Timeout::Error: a deadline around the page is the application's, and reaches the application.
        FAILURES = [
          IOError, SystemCallError, SocketError, OpenSSL::SSL::SSLError, Net::OpenTimeout, Net::ReadTimeout,
          Net::WriteTimeout, Net::ProtocolError, Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError, Zlib::Error
        ].freeze
        private_constant :REFUSALS, :REPLACED, :FAILURES

        def initialize(url:, region:, credentials:, timeout:)
          @url = URI(url)
          @connections = Connections.new(@url, timeout: timeout)
          from = credentials ? { credentials_provider: credentials } : environment
          @signer = Aws::Sigv4::Signer.new(service: "execute-api", region: region, **from)
        end

        # The status, and of a success what the block makes of its JSON. Raises Superseded and Unavailable.
        def call(method, path, token: nil, body: nil, headers: {}, success: 200, &understand)
          content = body ? JSON.generate(body) : ""
          url = "#{@url}#{path}"
          headers = headers.merge("host" => host)
          headers["session-token"] = token if token
          headers["content-type"] = "application/json" if body
          signature = @signer.sign_request(http_method: method, url: url, headers: headers, body: content)
          status, told = sent(method, URI(url).request_uri, headers.merge(signature.headers), content) do |answer|
            understood(answer, success, "#{method} #{path}", &understand)
          end
          raise Superseded if told == REPLACED

          [status, told]
        end

        private

        def environment
          {
            access_key_id: ENV.fetch("AWS_ACCESS_KEY_ID"),
            secret_access_key: ENV.fetch("AWS_SECRET_ACCESS_KEY"),
            session_token: ENV["AWS_SESSION_TOKEN"]
          }
        end

        def host
          @url.port == @url.default_port ? @url.host : "#{@url.host}:#{@url.port}"
        end

        # A 404 of something else, a gateway of another API say, says nothing about sessions.
        def understood(answer, success, call)
          status = answer.code.to_i
          told = parsed(answer)
          return [status, block_given? ? yield(told) : told] if status == success
          return [status, told["type"]] if REFUSALS.fetch(status, []).include?(told["type"])

          raise Unavailable, "#{call}: #{status} #{told["title"]}"
        end

        def sent(method, path, headers, content, &understand)
          request = Net::HTTPGenericRequest.new(method, !content.empty?, true, path, headers)
          request.body = content unless content.empty?
          @connections.exchange(request, &understand)
        rescue *FAILURES => e
          raise Unavailable, "#{method} #{path}: #{e.class}"
        end

        def parsed(answer)
          found = answer.body.to_s.empty? ? {} : JSON.parse(answer.body)
          found.is_a?(Hash) ? found : {}
        rescue JSON::ParserError
          {}
        end
      end
      private_constant :Api

      # Exchanges with the API. One connection a thread stays open between two of them.
      #
      # The next request on a thread may be another user's, and HTTP matches answers to requests by their order alone.
      # Timeout, Thread#raise, Thread#kill and throw end an exchange anywhere, so a connection leaves its place while
      # an exchange lasts, and returns when the answer was read whole and parsed.
      class Connections
        def initialize(url, timeout:)
          @url = url
          @timeout = timeout
          # Of the thread, not of the fiber: ActionController::Live copies what Thread#[] holds to other threads.
          @place = :"sojourn_connection_#{object_id}"
        end

        # What the block makes of the answer. A request is never sent twice: its change may have happened.
        def exchange(request)
          http = take || build
          http.start unless http.started?
          answer = yield(http.request(request))
          put_back(http)
          answer
        ensure
          close(http) if http && !in_place?(http)
        end

        private

        # A child has its parent's connections, and forgets them: to close one would end the parent's TLS.
        def take
          http, owner = Thread.current.thread_variable_get(@place)
          Thread.current.thread_variable_set(@place, nil)
          return nil unless owner == Process.pid
          return http if quiet?(http)

          close(http)
          nil
        end

        # Unless another fiber of the thread was faster.
        def put_back(http)
          Thread.current.thread_variable_get(@place) ||
            Thread.current.thread_variable_set(@place, [http, Process.pid])
        end

        def in_place?(http)
          Thread.current.thread_variable_get(@place)&.first.equal?(http)
        end

        # Net::HTTP connects again after two idle seconds, long before a gateway ends a connection.
        def build
          http = Net::HTTP.new(@url.host, @url.port)
          http.use_ssl = @url.scheme == "https"
          http.open_timeout = 1
          http.read_timeout = http.write_timeout = @timeout
          http.max_retries = 0
          http
        end

        # Nothing came but what was asked for, not even the end. Net::HTTP has no word for it; where its insides are
        # not these, no connection is quiet.
        def quiet?(http)
          socket = http.instance_variable_get(:@socket)
          return false if socket.nil? || socket.closed?

          io = socket.io
          unread(socket) == 0 && !(io.respond_to?(:pending) && io.pending > 0) && !io.to_io.wait_readable(0)
        end

        def unread(socket)
          return socket.send(:rbuf_size) if socket.respond_to?(:rbuf_size, true)

          socket.instance_variable_get(:@rbuf)&.bytesize
        end

        def close(http)
          http.finish if http.started?
        rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
          nil # it is forgotten all the same
        end
      end
      private_constant :Connections

      # The JSON of a document: docs/item-format.md. Values that only other languages have stay as they are;
      # what merely looks like one is wrapped.
      module Document
        FOREIGN = %w[$bytes $date $datetime $decimal $frozenset $set $tuple $uuid].freeze

        module_function

        # As it will be read: what JSON does not know is text from now on.
        def written(hash)
          tagged(hash.as_json)
        end

        def tagged(value)
          case value
          when Hash
            members = value.transform_values { |inner| tagged(inner) }
            tag?(members) ? { "$object" => members } : members
          when Array then value.map { |inner| tagged(inner) }
          else value
          end
        end

        def untagged(value)
          case value
          when Hash
            return untagged_members(value["$object"]) if value.keys == ["$object"]

            untagged_members(value)
          when Array then value.map { |inner| untagged(inner) }
          else value
          end
        end

        def untagged_members(members)
          members.transform_values { |inner| untagged(inner) }
        end

        def tag?(members)
          members.size == 1 && members.keys.first.start_with?("$") && !FOREIGN.include?(members.keys.first)
        end

        # Their document with what we changed of the one that both began with.
        def merged(base, mine, theirs)
          ours = (base.keys | mine.keys).reject { |key| base.key?(key) == mine.key?(key) && base[key] == mine[key] }
          ours.each_with_object(theirs.dup) do |key, result|
            mine.key?(key) ? result[key] = mine[key] : result.delete(key)
          end
        end
      end
      private_constant :Document
    end
  end
end
