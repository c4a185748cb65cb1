#!/bin/sh
# Apache with mod_auth_openidc of Debian as a resource server, as its auth_openidc.conf has it:
# https://github.com/OpenIDC/mod_auth_openidc
set -eu
modules=/usr/lib/apache2/modules
home=$(mktemp -d)
mkdir "$home/www"
echo served >"$home/www/protected"
# It takes no addresses without TLS, and the kit has none: this server is in front of it too.
kit=127.0.0.2:$PORT
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kit -keyout "$home/key.pem" -out "$home/certificate.pem" 2>/dev/null
case $SETTING in
    introspection)
        verify="OIDCOAuthIntrospectionEndpoint https://$kit/introspect
OIDCOAuthClientID $CLIENT_ID
OIDCOAuthClientSecret $CLIENT_SECRET"
        ;;
    *) verify="OIDCOAuthVerifyJwksUri https://$kit/jwks.json" ;;
esac
cat >"$home/apache.conf" <<END
ServerName localhost
ServerRoot $home
PidFile $home/pid
ErrorLog $home/error.log
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
DocumentRoot $home/www
Listen $kit
<VirtualHost $kit>
    SSLEngine on
    SSLCertificateFile $home/certificate.pem
    SSLCertificateKeyFile $home/key.pem
    ProxyPass / $KIT_URL/
</VirtualHost>
OIDCOAuthSSLValidateServer Off
OIDCSSLValidateServer Off
$verify
<Location /protected>
    AuthType oauth20
    <RequireAll>
        Require claim iss:$ISSUER
        Require claim aud:$AUDIENCE
    </RequireAll>
</Location>
END
exec /usr/sbin/apache2 -f "$home/apache.conf" -DFOREGROUND
